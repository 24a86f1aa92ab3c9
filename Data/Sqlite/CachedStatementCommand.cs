using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace AiChat.Data.Sqlite;

/// <summary>Owns the cached statement of its text from when the text is set until it is disposed.</summary>
internal sealed class CachedStatementCommand(CachedStatementConnection owner) : DbCommand
{
    private CachedStatement? _statement;

    /// <summary>True from when the connection hands it out until it is disposed.</summary>
    internal bool IsGiven { get; set; }

    [AllowNull]
    public override string CommandText
    {
        get => _statement?.Text ?? "";
        set
        {
            Release();
            _statement = owner.Take(value ?? "");
        }
    }

    /// <summary>Ignored: how long a statement waits for a lock is the connection's busy timeout.</summary>
    public override int CommandTimeout { get; set; }

    public override CommandType CommandType
    {
        get => CommandType.Text;
        set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, CommandType.Text);
    }

    public override bool DesignTimeVisible { get; set; }

    public override UpdateRowSource UpdatedRowSource { get; set; }

    protected override DbConnection? DbConnection
    {
        get => owner;
        set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, owner);
    }

    protected override DbParameterCollection DbParameterCollection => Statement.Parameters;

    protected override DbTransaction? DbTransaction { get; set; }

    private CachedStatement Statement => _statement ?? throw new InvalidOperationException("Set the command text first.");

    public override void Cancel()
    {
        // Ignored: a connection is used by one thread at a time, so no other thread could call this.
    }

    public override int ExecuteNonQuery()
    {
        var statement = Statement;
        try
        {
            statement.Bind();
            while (statement.Step())
            {
                // The rows are not needed.
            }

            return statement.Changes();
        }
        finally
        {
            statement.Reset();
        }
    }

    /// <summary>The first column of the first row, or null. A returning clause yields rows only after all changes are applied.</summary>
    public override object? ExecuteScalar()
    {
        using var reader = ExecuteDbDataReader(CommandBehavior.Default);
        return reader.Read() && reader.FieldCount > 0 ? reader.GetValue(0) : null;
    }

    public override void Prepare() => _ = Statement;

    protected override DbParameter CreateDbParameter() => Statement.Parameters.Spare();

    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior)
    {
        var statement = Statement;
        try
        {
            statement.Bind();
            statement.Reader.Begin(statement.Step());
            return statement.Reader;
        }
        catch
        {
            statement.Reset();
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && IsGiven)
        {
            IsGiven = false; // a second Dispose must not return it to the connection twice
            Release();
            owner.Keep(this);
        }

        base.Dispose(disposing);
    }

    private void Release()
    {
        if (_statement is { } statement)
        {
            _statement = null;
            owner.Keep(statement);
        }
    }
}
