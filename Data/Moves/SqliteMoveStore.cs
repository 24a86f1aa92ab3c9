using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using AiChat.Data.Engine;
using AiChat.Data.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Moves;

/// <summary>
/// A database file as one end of a move. The one that is filled has another name until it is complete, so that no server opens it before.
/// </summary>
internal sealed class SqliteMoveStore : IMoveStore
{
    private readonly SqliteConnection _connection;
    private readonly string _path;
    private readonly StartProgress _progress;

    private SqliteMoveStore(string path, SqliteConnection connection, StartProgress progress) =>
        (_path, _connection, _progress) = (path, connection, progress);

    public string Place => _path;

    public DbConnection Connection => _connection;

    public Dictionary<string, long> Replaced { get; } = [];

    /// <summary>The file of a stopped server, which is only read.</summary>
    /// <exception cref="StartupException">It cannot be used, or has another schema than this program.</exception>
    public static SqliteMoveStore OpenSource(string path, StartProgress progress)
    {
        var (found, newest) = (Migrator.Use(path, progress, Migrator.SchemaOf), DetachedDatabase.NewestSchema);
        if (found != newest)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database {path} has schema {found}, and this program moves schema {newest}: "
                + (found < newest ? "start its server once, which upgrades it." : "use the newer program that wrote it."));
        }

        // Everything is in the file by now, and nothing is put beside it.
        var connection = DetachedDatabase.Open(SqliteConnections.FileAlone(path), SqliteOpenMode.ReadOnly, "pragma query_only = on");
        var store = new SqliteMoveStore(path, connection, progress);
        store.RefuseOrphans();
        return store;
    }

    /// <summary>A new file, or one that an interrupted move of the same installation has begun.</summary>
    /// <exception cref="StartupException">There is a database already, or no file can be there.</exception>
    public static SqliteMoveStore OpenTarget(string path, InstanceMarker instance, StartProgress progress)
    {
        if (new FileInfo(path) is { Exists: true, Length: > 0 })
        {
            throw new StartupException(
                StartupException.Configuration, $"There is a database at {path} already. Name another file, or move that one away.");
        }

        var moving = path + MoveMark.FileEnding;
        if (File.Exists(moving) && !IsBegun(moving, instance))
        {
            DeleteFile(moving); // killed before anything was moved
        }

        if (!File.Exists(moving))
        {
            Migrator.Run(moving, progress);
        }

        var store = new SqliteMoveStore(path, SqliteConnections.OpenWriter(moving), progress);
        try
        {
            store.Begin(instance);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public IEnumerable<object?[]> Rows(MoveTable table, object[]? after)
    {
        using var command = _connection.CreateCommand();
        var key = string.Join(", ", table.Key.Select(column => column.Quoted));
        var where = after is null ? "" : $" where ({key}) > ({string.Join(", ", after.Select((_, place) => $"${place}"))})";
        command.CommandText = $"select {table.ColumnList} from \"{table.Name}\"{where}{(key.Length > 0 ? $" order by {key}" : "")}";
        foreach (var (place, value) in (after ?? []).Index())
        {
            command.Parameters.AddWithValue($"${place}", value);
        }

        using var reader = command.ExecuteReader();
        var values = new object?[table.Columns.Count];
        while (reader.Read())
        {
            Read(table, reader, values);
            yield return values;
        }
    }

    public long Count(MoveTable table) => Number($"select count(*) from \"{table.Name}\"");

    public object[]? LastKey(MoveTable table)
    {
        if (table.Key.Count == 0)
        {
            return null;
        }

        using var command = _connection.CreateCommand();
        var key = table.Key.Select(column => column.Quoted).ToList();
        var order = string.Join(", ", key.Select(column => column + " desc"));
        command.CommandText = $"select {string.Join(", ", key)} from \"{table.Name}\" order by {order} limit 1";
        using var reader = command.ExecuteReader();
        return reader.Read() ? [.. Enumerable.Range(0, key.Count).Select(reader.GetValue)] : null;
    }

    public bool Append(MoveTable table, IEnumerator<object?[]> rows)
    {
        using var transaction = _connection.BeginTransaction();
        if (table.Key.Count == 0)
        {
            Execute($"delete from \"{table.Name}\"");
        }

        using var command = _connection.CreateCommand();
        var places = string.Join(", ", table.Columns.Select(column => $"${column.Place}"));
        command.CommandText = $"insert into \"{table.Name}\" ({table.ColumnList}) values ({places})";
        var parameters = table.Columns.Select(column => command.Parameters.AddWithValue($"${column.Place}", DBNull.Value)).ToList();
        var (batch, more) = (default(MoveBatch), true);
        while ((table.Key.Count == 0 || !batch.IsFull) && (more = rows.MoveNext()))
        {
            batch.Add(rows.Current);
            foreach (var (place, parameter) in parameters.Index())
            {
                parameter.Value = rows.Current[place] ?? DBNull.Value;
            }

            command.ExecuteNonQuery();
        }

        transaction.Commit();
        return more;
    }

    public Dictionary<string, long> Counters()
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "select name, seq from sqlite_sequence";
        using var reader = command.ExecuteReader();
        var counters = new Dictionary<string, long>();
        while (reader.Read())
        {
            counters[reader.GetString(0)] = reader.GetInt64(1);
        }

        return counters;
    }

    public void Finish(IReadOnlyList<MoveTable> tables, IReadOnlyDictionary<string, long> counters, Action<DbConnection> last)
    {
        TextIndex.AddAllDue(_connection, _progress);
        using (var transaction = _connection.BeginTransaction())
        {
            foreach (var (table, newest) in counters.Where(counter => counter.Value > 0))
            {
                SetCounter(table, newest);
            }

            last(_connection);
            Execute($"drop table {MoveMark.Table}");
            transaction.Commit();
        }

        var moving = _path + MoveMark.FileEnding;
        Execute("pragma wal_checkpoint(truncate)");
        _connection.Dispose(); // the last connection removes the log
        if (new FileInfo(moving + "-wal") is { Exists: true, Length: > 0 })
        {
            throw new StoreException(StoreFailure.Busy, $"Another program has {moving} open.");
        }

        File.Move(moving, _path);
        DurableFiles.SyncFolder(Path.GetDirectoryName(_path)!);
    }

    public void Dispose() => _connection.Dispose();

    private void Begin(InstanceMarker instance)
    {
        if (Number($"select count(*) from pragma_table_list where name = '{MoveMark.Table}'") > 0)
        {
            return;
        }

        using var transaction = _connection.BeginTransaction();
        Execute("delete from connections"); // the migrations insert one
        Execute($"create table {MoveMark.Table} (install_id text not null)");
        _connection.Execute($"insert into {MoveMark.Table} (install_id) values (@InstallId)", new { instance.InstallId });
        transaction.Commit();
    }

    /// <summary>SQLite's own shell does not keep references unless it is told to, and PostgreSQL takes no row that lacks one.</summary>
    private void RefuseOrphans()
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "select \"table\", parent, count(*) from pragma_foreign_key_check group by 1, 2";
        using var reader = command.ExecuteReader();
        if (reader.Read())
        {
            var (table, parent, rows) = (reader.GetString(0), reader.GetString(1), reader.GetInt64(2));
            Dispose();
            throw new StartupException(
                StartupException.Configuration,
                $"{rows} rows of {table} in {_path} refer to rows of {parent} that are gone, as after a deletion by another program, and "
                + $"cannot be moved. To see them: sqlite3 {_path} 'pragma foreign_key_check({table})'. Delete them there first.");
        }
    }

    /// <summary>A table without autoincrement has no counter.</summary>
    private void SetCounter(string table, long newest)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = """
            delete from sqlite_sequence where name = $table and seq < $newest;
            insert into sqlite_sequence (name, seq)
            select name, $newest from sqlite_schema
            where name = $table and sql like '%autoincrement%' and not exists (select 1 from sqlite_sequence s where s.name = $table)
            """;
        command.Parameters.AddWithValue("$table", table);
        command.Parameters.AddWithValue("$newest", newest);
        command.ExecuteNonQuery();
    }

    private void Read(MoveTable table, SqliteDataReader reader, object?[] values)
    {
        foreach (var column in table.Columns)
        {
            values[column.Place] = reader.IsDBNull(column.Place) ? null : column.Kind switch
            {
                MoveKind.Text => Text(table, column, raw.sqlite3_column_blob(reader.Handle!, column.Place)),
                MoveKind.Real => reader.GetDouble(column.Place),
                MoveKind.Flag => reader.GetInt64(column.Place) != 0 ? 1L : 0L,
                _ => reader.GetInt64(column.Place),
            };
        }
    }

    /// <summary>Bytes that are no UTF-8, which another program may have written, become U+FFFD as in every read of the server.</summary>
    private string Text(MoveTable table, MoveColumn column, ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes) && !bytes.Contains((byte)0))
        {
            return Encoding.UTF8.GetString(bytes);
        }

        var name = $"{table.Name}.{column.Name}";
        Replaced[name] = Replaced.GetValueOrDefault(name) + 1;
        return StoredText.Of(Encoding.UTF8.GetString(bytes));
    }

    /// <summary>Whether an unfinished file holds rows.</summary>
    /// <exception cref="StartupException">They are of another installation, or of another schema.</exception>
    private static bool IsBegun(string moving, InstanceMarker instance)
    {
        using var connection = SqliteConnections.OpenWriter(moving);
        using var command = connection.CreateCommand();
        command.CommandText = $"select count(*) from pragma_table_list where name = '{MoveMark.Table}'";
        if ((long)command.ExecuteScalar()! == 0)
        {
            return false;
        }

        command.CommandText = $"select install_id from {MoveMark.Table}";
        return (string?)command.ExecuteScalar() == instance.InstallId && Migrator.SchemaOf(connection) == DetachedDatabase.NewestSchema
            ? true
            : throw new StartupException(
                StartupException.Configuration,
                $"{moving} was begun for another installation, or by another version. Name another file, or delete that one.");
    }

    private static void DeleteFile(string path)
    {
        foreach (var ending in new[] { "", "-wal", "-shm" })
        {
            File.Delete(path + ending);
        }
    }

    private long Number(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
