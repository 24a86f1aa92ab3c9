using System.Diagnostics.CodeAnalysis;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>The .NET type of a column. Its public fields and properties survive trimming, as DbDataReader demands.</summary>
internal sealed class ColumnType
{
    public const DynamicallyAccessedMemberTypes Members =
        DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.PublicProperties;

    private static readonly ColumnType s_integer = new(typeof(long));
    private static readonly ColumnType s_real = new(typeof(double));
    private static readonly ColumnType s_text = new(typeof(string));
    private static readonly ColumnType s_blob = new(typeof(byte[]));

    private ColumnType([DynamicallyAccessedMembers(Members)] Type type) => Type = type;

    [DynamicallyAccessedMembers(Members)]
    public Type Type { get; }

    /// <summary>By one of SQLite's five storage classes; null counts as text.</summary>
    public static ColumnType From(int storage) => storage switch
    {
        raw.SQLITE_INTEGER => s_integer,
        raw.SQLITE_FLOAT => s_real,
        raw.SQLITE_BLOB => s_blob,
        _ => s_text,
    };

    /// <summary>By the type that a strict table declares.</summary>
    public static ColumnType From(string declared) => declared.ToUpperInvariant() switch
    {
        "INTEGER" or "INT" => s_integer,
        "REAL" => s_real,
        "BLOB" => s_blob,
        _ => s_text,
    };
}
