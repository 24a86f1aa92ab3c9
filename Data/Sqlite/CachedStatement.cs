using System.Buffers;
using System.Text;
using AiChat.Data.Engine;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>A compiled statement with its parameters and the types of its columns. Used by one command at a time.</summary>
internal sealed class CachedStatement : IDisposable
{
    /// <summary>Characters up to which a text is encoded in a buffer of the pool.</summary>
    private const int MaxPooled = 16 * 1024;

    private readonly sqlite3 _db;
    private readonly sqlite3_stmt _handle;
    private readonly string?[] _names;
    private readonly ColumnType?[] _types;
    private readonly List<(string Name, int Index)> _places = [];

    /// <exception cref="SqliteException">The text is not valid.</exception>
    /// <exception cref="ArgumentException">It holds more than one statement.</exception>
    public CachedStatement(sqlite3 db, string text)
    {
        _db = db;
        Text = text;
        Check(raw.sqlite3_prepare_v3(db, text, raw.SQLITE_PREPARE_PERSISTENT, out _handle, out string tail));
        if (!string.IsNullOrWhiteSpace(tail))
        {
            _handle.Dispose();
            throw new ArgumentException("One statement at a time.", nameof(text));
        }

        FieldCount = raw.sqlite3_column_count(_handle);
        _names = new string?[FieldCount];
        _types = new ColumnType?[FieldCount];
    }

    public string Text { get; }

    public CachedStatementParameters Parameters { get; } = new();

    /// <summary>Its rows. One reader serves all executions, because the statement has one at a time.</summary>
    public CachedStatementReader Reader => field ??= new CachedStatementReader(this);

    public sqlite3_stmt Handle => _handle;

    public int FieldCount { get; }

    /// <summary>Binds the values. Parameters that the text does not name are ignored.</summary>
    /// <exception cref="InvalidOperationException">The text names a parameter without a value.</exception>
    public void Bind()
    {
        var bound = 0;
        for (var i = 0; i < Parameters.Count; i++)
        {
            var parameter = Parameters.At(i);
            var index = IndexOf(i, parameter.ParameterName);
            if (index > 0)
            {
                Check(Bind(index, parameter.Value));
                bound++;
            }
        }

        if (bound < raw.sqlite3_bind_parameter_count(_handle))
        {
            throw new InvalidOperationException($"The statement names a value that it was not given: {Text}");
        }
    }

    /// <summary>Advances to the next row; false after the last one.</summary>
    /// <exception cref="SqliteException">The statement failed.</exception>
    public bool Step()
    {
        var result = raw.sqlite3_step(_handle);
        if (result is raw.SQLITE_ROW or raw.SQLITE_DONE)
        {
            return result == raw.SQLITE_ROW;
        }

        Fail(result);
        return false;
    }

    /// <summary>Rows that the finished statement changed; -1 for one that only reads.</summary>
    public int Changes() => raw.sqlite3_stmt_readonly(_handle) == 0 ? raw.sqlite3_changes(_db) : -1;

    /// <summary>Releases the locks and the cursor of the execution.</summary>
    public void Reset() => raw.sqlite3_reset(_handle); // returns the error of the last step, which was already thrown

    /// <summary>Prepares for the next execution and drops the last values.</summary>
    public void Clear()
    {
        Reset();
        raw.sqlite3_clear_bindings(_handle);
        Parameters.Clear();
    }

    /// <summary>The column's name, read once: each call of SQLite creates a new string.</summary>
    public string Name(int column) => _names[column] ??= raw.sqlite3_column_name(_handle, column).utf8_to_string();

    /// <summary>The .NET type of a column: from its declared type, which holds for every row, otherwise from this row's value.</summary>
    public ColumnType Type(int column)
    {
        if (_types[column] is { } known)
        {
            return known;
        }

        if (raw.sqlite3_column_decltype(_handle, column).utf8_to_string() is not { } declared)
        {
            return ColumnType.From(raw.sqlite3_column_type(_handle, column));
        }

        return _types[column] = ColumnType.From(declared);
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>A statement's parameters come in the same order at each execution, so their indexes are looked up once.</summary>
    private int IndexOf(int order, string name)
    {
        if (order < _places.Count && _places[order] is var known && known.Name == name)
        {
            return known.Index;
        }

        var place = (name, raw.sqlite3_bind_parameter_index(_handle, name.StartsWith('@') ? name : $"@{name}"));
        if (order < _places.Count)
        {
            _places[order] = place;
        }
        else
        {
            _places.Add(place);
        }

        return place.Item2;
    }

    private int Bind(int index, object? value) => value switch
    {
        null or DBNull => raw.sqlite3_bind_null(_handle, index),
        string text => BindText(index, text),
        long number => raw.sqlite3_bind_int64(_handle, index, number),
        int number => raw.sqlite3_bind_int64(_handle, index, number),
        bool flag => raw.sqlite3_bind_int64(_handle, index, flag ? 1 : 0),
        double number => raw.sqlite3_bind_double(_handle, index, number),
        byte[] { Length: 0 } => raw.sqlite3_bind_zeroblob(_handle, index, 0),
        byte[] bytes => raw.sqlite3_bind_blob(_handle, index, bytes),
        _ => throw new NotSupportedException($"No column holds a {value.GetType()}."),
    };

    private int BindText(int index, string text)
    {
        // As on every engine (StoredText); the encoding replaces halves of surrogate pairs by itself.
        text = text.Contains('\0') ? StoredText.Of(text) : text;

        // An empty span would bind null; the buffer of a long text would stay in the pool.
        if (text.Length is 0 or > MaxPooled)
        {
            return raw.sqlite3_bind_text(_handle, index, text);
        }

        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var length = Encoding.UTF8.GetBytes(text, buffer);
        var result = raw.sqlite3_bind_text(_handle, index, buffer.AsSpan(0, length)); // copied by SQLite
        ArrayPool<byte>.Shared.Return(buffer);
        return result;
    }

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            Fail(result);
        }
    }

    private void Fail(int result) => SqliteException.ThrowExceptionForRC(result, _db);
}
