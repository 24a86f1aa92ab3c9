using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace AiChat.Data.Sqlite;

/// <summary>Stands for the kept statement of its text from the moment the text is set until it is disposed.</summary>
internal sealed class CachedStatementCommand(CachedStatementConnection owner) : DbCommand
{
    private CachedStatement? _statement;

    /// <summary>Somebody uses it, from when the connection gave it out until it is disposed.</summary>
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

    /// <summary>Has no meaning here: a writer waits as long as the connection's busy timeout says.</summary>
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

    private CachedStatement Statement => _statement ?? throw new InvalidOperationException("The text comes first.");

    public override void Cancel()
    {
        // One thread at a time uses a connection, so nobody is there to cancel.
    }

    public override int ExecuteNonQuery()
    {
        var statement = Statement;
        try
        {
            statement.Bind();
            while (statement.Step())
            {
                // Rows are not asked for.
            }

            return statement.Changes();
        }
        finally
        {
            statement.Reset();
        }
    }

    /// <summary>The first column of the first row; null without a row. A statement that changes has changed everything before its first row.</summary>
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
            return new CachedStatementReader(statement, statement.Step());
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
            IsGiven = false; // disposing again must not lend it twice
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
