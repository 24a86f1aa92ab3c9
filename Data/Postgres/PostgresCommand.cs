using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using AiChat.Data.Engine;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>A command of a <see cref="PostgresConnection"/>.</summary>
internal sealed class PostgresCommand(PostgresConnection owner, NpgsqlCommand inner) : DbCommand
{
    [AllowNull]
    public override string CommandText
    {
        get => inner.CommandText;
        set => inner.CommandText = value;
    }

    public override int CommandTimeout
    {
        get => inner.CommandTimeout;
        set => inner.CommandTimeout = value;
    }

    public override CommandType CommandType
    {
        get => inner.CommandType;
        set => inner.CommandType = value;
    }

    public override bool DesignTimeVisible { get; set; }

    public override UpdateRowSource UpdatedRowSource { get; set; }

    protected override DbConnection? DbConnection
    {
        get => owner;
        set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, owner);
    }

    protected override DbParameterCollection DbParameterCollection => inner.Parameters;

    /// <summary>Ignored: a statement belongs to whatever transaction the connection has open.</summary>
    protected override DbTransaction? DbTransaction { get; set; }

    public override void Cancel() => inner.Cancel();

    public override void Prepare() => inner.Prepare();

    public override int ExecuteNonQuery() => Begun().ExecuteNonQuery();

    public override object? ExecuteScalar() => Begun().ExecuteScalar();

    protected override DbParameter CreateDbParameter() => inner.CreateParameter();

    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => Begun().ExecuteReader(behavior);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            owner.End();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private NpgsqlCommand Begun()
    {
        foreach (NpgsqlParameter parameter in inner.Parameters)
        {
            if (parameter.Value is string text && StoredText.Of(text) is var kept && !ReferenceEquals(kept, text))
            {
                parameter.Value = kept;
            }
        }

        owner.Begin(inner);
        return inner;
    }
}
