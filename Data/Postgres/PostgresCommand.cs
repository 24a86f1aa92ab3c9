using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using AiChat.Data.Engine;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>A command of a <see cref="PostgresConnection"/>.</summary>
internal sealed class PostgresCommand(PostgresConnection owner, NpgsqlCommand inner) : DbCommand
{
    /// <summary>What waited, and this.</summary>
    private NpgsqlBatch? _batch;

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

    public override int ExecuteNonQuery()
    {
        var command = Begun();
        if (owner.IsDeferring)
        {
            owner.Defer(AsBatchCommand());
            return 0;
        }

        if (!owner.HasDeferred)
        {
            return command.ExecuteNonQuery();
        }

        var last = AsBatchCommand();
        using var batch = owner.TakeDeferred(last);
        batch.ExecuteNonQuery();
        return (int)last.RecordsAffected;
    }

    public override object? ExecuteScalar()
    {
        var command = Begun();
        if (!owner.HasDeferred)
        {
            return command.ExecuteScalar();
        }

        using var reader = ExecuteBatch(CommandBehavior.Default);
        return reader.Read() && reader.FieldCount > 0 ? reader.GetValue(0) : null;
    }

    protected override DbParameter CreateDbParameter() => inner.CreateParameter();

    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior)
    {
        var command = Begun();
        return owner.HasDeferred ? ExecuteBatch(behavior) : command.ExecuteReader(behavior);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            owner.End();
            _batch?.Dispose();
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

        if (inner.Parameters.Count > 0)
        {
            Positional.Apply(inner);
        }

        owner.Begin(inner);
        return inner;
    }

    private NpgsqlBatchCommand AsBatchCommand()
    {
        var parameters = inner.Parameters.ToArray<NpgsqlParameter>();
        inner.Parameters.Clear(); // a parameter belongs to one command
        var statement = new NpgsqlBatchCommand(inner.CommandText);
        statement.Parameters.AddRange(parameters);
        return statement;
    }

    /// <summary>The rows of this command, after those of what waited.</summary>
    private NpgsqlDataReader ExecuteBatch(CommandBehavior behavior)
    {
        var last = AsBatchCommand();
        _batch = owner.TakeDeferred(last);
        var reader = _batch.ExecuteReader(behavior & ~(CommandBehavior.SingleRow | CommandBehavior.SingleResult));
        try
        {
            for (var at = 0; at < _batch.BatchCommands.Count - 1; at++)
            {
                if (ReturnsRows(_batch.BatchCommands[at]))
                {
                    reader.NextResult();
                }
            }

            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>A lock is taken by a select, whose rows nobody reads.</summary>
    private static bool ReturnsRows(NpgsqlBatchCommand statement) =>
        statement.CommandText.AsSpan().TrimStart().StartsWith("select", StringComparison.Ordinal);
}
