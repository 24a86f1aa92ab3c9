using System.Data.Common;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Another program's database as far as it can be read, in tables with names and forms of our own. It is a private copy in two files that
/// are unlinked while they are used, so that nothing is left behind however the process ends. For one thread.
/// </summary>
internal sealed class ForeignDatabase : IDisposable
{
    /// <summary>Where a table has no readable end, rows are sought this far beyond the last one.</summary>
    private const long MaxGap = 10_000_000;

    private readonly SqliteConnection _source;
    private readonly SqliteConnection _clean;

    private ForeignDatabase(SqliteConnection source, SqliteConnection clean)
    {
        _source = source;
        _clean = clean;
    }

    /// <summary>The tables as they were asked for.</summary>
    public DbConnection Clean => _clean;

    /// <summary>What the source has and nobody asked for: tables with their number of rows, and columns of known tables.</summary>
    public List<ForeignRest> Rest { get; } = [];

    /// <summary>The tables that were asked for and are there, by their names in the source.</summary>
    public HashSet<string> Found { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Rows that could not be read, by the table of the source.</summary>
    public Dictionary<string, long> Lost { get; } = new(StringComparer.Ordinal);

    /// <summary>Copies the database and reads these tables.</summary>
    /// <param name="temporary">A folder with room for the database twice.</param>
    /// <exception cref="StoreException">Nothing of it can be read, or the temporary folder is full.</exception>
    public static ForeignDatabase Open(
        string path, string temporary, IReadOnlyList<ForeignTable> tables, Action<string> progress, CancellationToken cancel)
    {
        var folder = Path.Combine(temporary, $"aichat-import-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        SqliteConnection? source = null;
        SqliteConnection? clean = null;
        try
        {
            ForeignFile.Copy(path, Path.Combine(folder, "source"), cancel);
            source = OpenSource(Path.Combine(folder, "source"));
            clean = Open(Path.Combine(folder, "clean"), "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -4000;");
            Execute(clean, string.Concat(tables.Select(table => table.Create())));
            Directory.Delete(folder, recursive: true);
            var opened = new ForeignDatabase(source, clean);
            opened.Take(tables, progress, cancel);
            return opened;
        }
        catch (Exception error)
        {
            source?.Dispose();
            clean?.Dispose();
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            throw error switch
            {
                SqliteException { SqliteErrorCode: raw.SQLITE_FULL } or IOException { HResult: 28 } => new StoreException(
                    StoreFailure.Full, $"{temporary} has no room for a copy of {path}. Name another folder with TMPDIR.", error),
                SqliteException => new StoreException(StoreFailure.Unavailable, $"{path} cannot be read: {error.Message}", error),
                _ => error,
            };
        }
    }

    public void Dispose()
    {
        _source.Dispose();
        _clean.Dispose();
    }

    /// <summary>
    /// Opens the copy, which ends an interrupted transaction in it and reads its log. A file that is shorter than it says is read as far
    /// as it goes, which SQLite does only while its schema is open to repair.
    /// </summary>
    private static SqliteConnection OpenSource(string path) => Open(path, """
        pragma locking_mode = exclusive;
        pragma trusted_schema = off;
        pragma cell_size_check = on;
        pragma writable_schema = on;
        select count(*) from sqlite_schema;
        pragma query_only = on;
        """);

    private static SqliteConnection Open(string path, string pragmas)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            Execute(connection, "pragma mmap_size = 0; pragma temp_store = memory;" + pragmas);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Take(IReadOnlyList<ForeignTable> tables, Action<string> progress, CancellationToken cancel)
    {
        var there = Query("select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'")
            .ConvertAll(row => (string)row[0]!);
        foreach (var name in there.Where(name => !tables.Any(table => table.Is(name))))
        {
            Rest.Add(new ForeignRest(name, null, Count(name)));
        }

        foreach (var table in tables)
        {
            progress(table.Source);
            if (there.Find(table.Is) is { } name)
            {
                Found.Add(table.Source);
                Take(table, name, cancel);
            }
        }

        Execute(_clean, string.Concat(tables.Select(table => table.Index)));
    }

    private void Take(ForeignTable table, string name, CancellationToken cancel)
    {
        var there = Query($"select name from pragma_table_info({Text(name)})").ConvertAll(row => (string)row[0]!);
        var chosen = table.Columns.Select(column => there.Find(column.Is)).ToList();
        Rest.AddRange(there.Except(chosen).OfType<string>().Where(column => !table.Ignored.Contains(column))
            .Select(column => new ForeignRest(name, column, 0)));
        using var transaction = _clean.BeginTransaction();
        using var insert = _clean.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = table.Insert();
        var parameters = table.Columns.Select((_, index) => insert.Parameters.AddWithValue($"@p{index}", DBNull.Value)).ToList();
        insert.Prepare();
        foreach (var row in Rows(name, chosen))
        {
            cancel.ThrowIfCancellationRequested();
            for (var index = 0; index < parameters.Count; index++)
            {
                parameters[index].Value = table.Columns[index].Read(row[index + 1]) ?? DBNull.Value;
            }

            insert.ExecuteNonQuery();
        }

        transaction.Commit();
    }

    /// <summary>All rows that can be read, by ascending rowid, which comes first in each; rows on damaged pages are passed over.</summary>
    private IEnumerable<object?[]> Rows(string table, List<string?> columns)
    {
        var names = string.Join(", ", columns.Select(column => column is null ? "null" : Name(column)));
        var select = $"select rowid, {names} from {Name(table)} where rowid > @after order by rowid";
        var after = long.MinValue;
        while (true)
        {
            using (var rows = new RowReader(_source, select, after))
            {
                while (rows.Next() is { } row)
                {
                    after = (long)row[0]!;
                    yield return row;
                }

                if (!rows.IsBroken)
                {
                    yield break;
                }
            }

            var last = Last(table);
            var next = Beyond(select, after, last ?? MaxGap);
            Lost[table] = Lost.GetValueOrDefault(table) + Math.Max(1, (next ?? last ?? after + 1) - Math.Max(after, 0));
            if (next is null)
            {
                yield break;
            }

            after = next.Value;
        }
    }

    /// <summary>The smallest place behind a damaged one from which rows can be read; null when there is none.</summary>
    private long? Beyond(string select, long after, long last)
    {
        var bad = Math.Max(after, 0);
        var end = Math.Max(last, bad + 1);
        long step = 1;
        while (!IsReadable(select, bad + step))
        {
            bad += step;
            step *= 2;
            if (bad > end)
            {
                return null;
            }
        }

        var good = bad + step;
        while (good - bad > 1)
        {
            var middle = bad + ((good - bad) / 2);
            (bad, good) = IsReadable(select, middle) ? (bad, middle) : (middle, good);
        }

        return good;
    }

    private bool IsReadable(string select, long after)
    {
        using var rows = new RowReader(_source, select + " limit 1", after);
        rows.Next();
        return !rows.IsBroken;
    }

    /// <summary>The highest rowid that the table has or had; null when damage hides it.</summary>
    private long? Last(string table)
    {
        foreach (var sql in new[]
        {
            $"select max(rowid) from {Name(table)}", $"select seq from sqlite_sequence where name = {Text(table)}",
        })
        {
            try
            {
                if (Query(sql) is [[long last]])
                {
                    return last;
                }
            }
            catch (SqliteException)
            {
                // The end of the table is damaged too.
            }
        }

        return null;
    }

    private long Count(string table)
    {
        try
        {
            return (long)Query($"select count(*) from {Name(table)}")[0][0]!;
        }
        catch (SqliteException)
        {
            return 0;
        }
    }

    private List<object?[]> Query(string sql)
    {
        using var command = _source.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read())
        {
            rows.Add(RowReader.Values(reader));
        }

        return rows;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string Name(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static string Text(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>Reads rows until the end or the first that cannot be read.</summary>
    private sealed class RowReader(SqliteConnection connection, string sql, long after) : IDisposable
    {
        private readonly SqliteCommand _command = connection.CreateCommand();
        private SqliteDataReader? _reader;

        public bool IsBroken { get; private set; }

        public object?[]? Next()
        {
            try
            {
                if (_reader is null)
                {
                    _command.CommandText = sql;
                    _command.Parameters.AddWithValue("@after", after);
                    _reader = _command.ExecuteReader();
                }

                return _reader.Read() ? Values(_reader) : null;
            }
            catch (SqliteException error) when (error.SqliteErrorCode is raw.SQLITE_CORRUPT or raw.SQLITE_IOERR or raw.SQLITE_NOTADB)
            {
                IsBroken = true;
                return null;
            }
        }

        public void Dispose()
        {
            try
            {
                _reader?.Dispose();
            }
            catch (SqliteException)
            {
                // The same damage once more.
            }

            _command.Dispose();
        }

        public static object?[] Values(SqliteDataReader reader)
        {
            var values = new object?[reader.FieldCount];
            for (var index = 0; index < values.Length; index++)
            {
                values[index] = reader.IsDBNull(index) ? null : reader.GetValue(index);
            }

            return values;
        }
    }
}

/// <summary>A table of another program and the form in which it is taken.</summary>
/// <param name="Source">Its name there; that of the copy is <paramref name="Name"/>.</param>
internal sealed record ForeignTable(string Source, string Name, params ForeignColumn[] Columns)
{
    /// <summary>Columns that are known and not needed.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>Statements that follow when all rows are there.</summary>
    public string Index { get; init; } = "";

    public bool Is(string name) => name.Equals(Source, StringComparison.OrdinalIgnoreCase);

    public string Create() => $"create table {Name} ({string.Join(", ", Columns.Select(column => column.Name))});\n";

    public string Insert() => $"insert into {Name} values ({string.Join(", ", Columns.Select((_, index) => $"@p{index}"))})";
}

/// <param name="Name">The name in the copy.</param>
/// <param name="Read">Brings a value, whatever its type there, into the form of the copy.</param>
/// <param name="Sources">Its names in the versions of the other program.</param>
internal sealed record ForeignColumn(string Name, Func<object?, object?> Read, params string[] Sources)
{
    public bool Is(string name) => Sources.Any(source => source.Equals(name, StringComparison.OrdinalIgnoreCase));
}

/// <summary>What is not taken: a table with its rows, or a column of a table.</summary>
internal sealed record ForeignRest(string Table, string? Column, long Rows);
