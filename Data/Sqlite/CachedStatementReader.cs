using System.Collections;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>The rows of a cached statement, of one execution after the other.</summary>
internal sealed class CachedStatementReader(CachedStatement statement) : DbDataReader
{
    private bool _hasRows;
    private bool _begun;
    private bool _ended;
    private bool _closed;

    public override int Depth => 0;

    public override int FieldCount => statement.FieldCount;

    public override bool HasRows => _hasRows;

    public override bool IsClosed => _closed;

    public override int RecordsAffected => statement.Changes();

    public override object this[int ordinal] => GetValue(ordinal);

    public override object this[string name] => GetValue(GetOrdinal(name));

    /// <summary>Another execution; its first step is already done, so that a failure surfaces there.</summary>
    public void Begin(bool hasRows) => (_hasRows, _begun, _ended, _closed) = (hasRows, false, false, false);

    public override bool Read()
    {
        if (_begun)
        {
            _ended = _ended || !statement.Step();
        }
        else
        {
            _begun = true;
            _ended = !_hasRows;
        }

        return !_ended;
    }

    public override bool NextResult() => false;

    public override string GetName(int ordinal) => statement.Name(ordinal);

    public override int GetOrdinal(string name)
    {
        for (var i = 0; i < FieldCount; i++)
        {
            if (string.Equals(GetName(i), name, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(name), name, "No column has this name.");
    }

    [return: DynamicallyAccessedMembers(ColumnType.Members)]
    public override Type GetFieldType(int ordinal) => statement.Type(ordinal).Type;

    public override string GetDataTypeName(int ordinal) => raw.sqlite3_column_decltype(statement.Handle, ordinal).utf8_to_string() ?? "";

    public override bool IsDBNull(int ordinal) => raw.sqlite3_column_type(statement.Handle, ordinal) == raw.SQLITE_NULL;

    public override long GetInt64(int ordinal) => raw.sqlite3_column_int64(statement.Handle, Present(ordinal));

    public override int GetInt32(int ordinal) => checked((int)GetInt64(ordinal));

    public override short GetInt16(int ordinal) => checked((short)GetInt64(ordinal));

    public override byte GetByte(int ordinal) => checked((byte)GetInt64(ordinal));

    public override bool GetBoolean(int ordinal) => GetInt64(ordinal) != 0;

    public override double GetDouble(int ordinal) => raw.sqlite3_column_double(statement.Handle, Present(ordinal));

    public override float GetFloat(int ordinal) => (float)GetDouble(ordinal);

    public override string GetString(int ordinal) => raw.sqlite3_column_text(statement.Handle, Present(ordinal)).utf8_to_string();

    public override object GetValue(int ordinal) => raw.sqlite3_column_type(statement.Handle, ordinal) switch
    {
        raw.SQLITE_INTEGER => GetInt64(ordinal),
        raw.SQLITE_FLOAT => GetDouble(ordinal),
        raw.SQLITE_TEXT => GetString(ordinal),
        raw.SQLITE_BLOB => raw.sqlite3_column_blob(statement.Handle, ordinal).ToArray(),
        _ => DBNull.Value,
    };

    public override int GetValues(object[] values)
    {
        var count = Math.Min(values.Length, FieldCount);
        for (var i = 0; i < count; i++)
        {
            values[i] = GetValue(i);
        }

        return count;
    }

    public override IEnumerator GetEnumerator() => new DbEnumerator(this);

    public override void Close()
    {
        if (!_closed)
        {
            _closed = true;
            statement.Reset();
        }
    }

    // No table has columns of these kinds.
    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length) =>
        throw new NotSupportedException();

    public override char GetChar(int ordinal) => throw new NotSupportedException();

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length) =>
        throw new NotSupportedException();

    public override DateTime GetDateTime(int ordinal) => throw new NotSupportedException();

    public override decimal GetDecimal(int ordinal) => throw new NotSupportedException();

    public override Guid GetGuid(int ordinal) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Close();
        }

        base.Dispose(disposing);
    }

    private int Present(int ordinal) => IsDBNull(ordinal)
        ? throw new InvalidOperationException($"The column {GetName(ordinal)} is null.")
        : ordinal;
}
