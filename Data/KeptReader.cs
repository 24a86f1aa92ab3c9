using System.Collections;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data;

/// <summary>
/// Names and types of a statement's columns, asked once: Dapper asks for them at every execution, and each answer of SQLite's is a
/// new string. Only columns of tables are known, whose declared type holds for every row; the type of an expression can change.
/// </summary>
internal sealed class Columns(int count)
{
    public string?[] Names { get; } = new string?[count];

    public ColumnType?[] Types { get; } = new ColumnType?[count];
}

/// <summary>What readers promise of a column's type: its public fields and properties are there after trimming.</summary>
internal sealed class ColumnType([DynamicallyAccessedMembers(ColumnType.Members)] Type type)
{
    public const DynamicallyAccessedMemberTypes Members = DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.PublicProperties;

    [DynamicallyAccessedMembers(Members)]
    public Type Type { get; } = type;
}

/// <summary>Reads as the reader it stands for, and knows the columns.</summary>
internal sealed class KeptReader(SqliteDataReader reader, Columns columns) : DbDataReader
{
    public override int Depth => reader.Depth;

    public override int FieldCount => reader.FieldCount;

    public override bool HasRows => reader.HasRows;

    public override bool IsClosed => reader.IsClosed;

    public override int RecordsAffected => reader.RecordsAffected;

    public override object this[int ordinal] => reader[ordinal];

    public override object this[string name] => reader[name];

    public override string GetName(int ordinal) => columns.Names[ordinal] ??= reader.GetName(ordinal);

    [return: DynamicallyAccessedMembers(ColumnType.Members)]
    public override Type GetFieldType(int ordinal)
    {
        if (columns.Types[ordinal] is { } known)
        {
            return known.Type;
        }

        var type = new ColumnType(reader.GetFieldType(ordinal));
        if (raw.sqlite3_column_decltype(reader.Handle, ordinal).utf8_to_string() is not null)
        {
            columns.Types[ordinal] = type;
        }

        return type.Type;
    }

    public override bool GetBoolean(int ordinal) => reader.GetBoolean(ordinal);

    public override byte GetByte(int ordinal) => reader.GetByte(ordinal);

    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length) =>
        reader.GetBytes(ordinal, dataOffset, buffer, bufferOffset, length);

    public override char GetChar(int ordinal) => reader.GetChar(ordinal);

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length) =>
        reader.GetChars(ordinal, dataOffset, buffer, bufferOffset, length);

    public override string GetDataTypeName(int ordinal) => reader.GetDataTypeName(ordinal);

    public override DateTime GetDateTime(int ordinal) => reader.GetDateTime(ordinal);

    public override decimal GetDecimal(int ordinal) => reader.GetDecimal(ordinal);

    public override double GetDouble(int ordinal) => reader.GetDouble(ordinal);

    public override IEnumerator GetEnumerator() => reader.GetEnumerator();

    public override T GetFieldValue<T>(int ordinal) => reader.GetFieldValue<T>(ordinal);

    public override float GetFloat(int ordinal) => reader.GetFloat(ordinal);

    public override Guid GetGuid(int ordinal) => reader.GetGuid(ordinal);

    public override short GetInt16(int ordinal) => reader.GetInt16(ordinal);

    public override int GetInt32(int ordinal) => reader.GetInt32(ordinal);

    public override long GetInt64(int ordinal) => reader.GetInt64(ordinal);

    public override int GetOrdinal(string name) => reader.GetOrdinal(name);

    public override string GetString(int ordinal) => reader.GetString(ordinal);

    public override object GetValue(int ordinal) => reader.GetValue(ordinal);

    public override int GetValues(object[] values) => reader.GetValues(values);

    public override bool IsDBNull(int ordinal) => reader.IsDBNull(ordinal);

    public override bool NextResult() => reader.NextResult();

    public override bool Read() => reader.Read();

    public override void Close() => reader.Close();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            reader.Dispose();
        }

        base.Dispose(disposing);
    }
}
