using System.Data.Common;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// A connection that caches compiled statements, because compiling is most of the cost of a short statement. Its commands call SQLite
/// directly: the objects that Microsoft.Data.Sqlite's command layer creates for each value were a third of all allocations of a server
/// with many chats. Used by one thread at a time, as every connection. Statements are found by the reference of their text, which
/// literals share, so a text that is composed at run time is compiled each time.
/// </summary>
/// <remarks>
/// The layer (<c>CachedStatement*</c>) implements what our SQL and Dapper use of ADO.NET, and ignores or refuses the rest:
/// <list type="bullet">
/// <item>Transactions: <c>DbCommand.Transaction</c> is ignored. A statement belongs to whatever transaction the connection has open.</item>
/// <item>Timeouts and cancellation: <c>CommandTimeout</c> and <c>Cancel</c> do nothing. The busy timeout of the connection bounds waits
/// for locks, <see cref="SqliteReader"/> bounds reads.</item>
/// <item>Types: a parameter is null, string, long, int, bool, double or byte[]; its <c>DbType</c>, <c>Size</c> and direction are ignored.
/// Any other value (enum, date, decimal, Guid, char) throws <see cref="NotSupportedException"/>, as do the getters of the reader for
/// these types. Enums are stored as text or numbers and times as Unix milliseconds by their callers.</item>
/// <item>One statement per text, one result set per execution, no stored procedures, and no asynchronous I/O: SQLite has none.</item>
/// <item>A parameter that the text does not name is ignored; one without a value throws.</item>
/// </list>
/// <c>SqliteConnection.CreateCommand</c>, which <c>DbConnection.CreateCommand</c> does not override, still gives the library's own
/// command; migrations use it to run several statements at once.
/// </remarks>
internal sealed class CachedStatementConnection(string connectionString) : SqliteConnection(connectionString)
{
    /// <summary>More than the program has statements; each costs a few kilobytes.</summary>
    private const int MaxIdle = 256;

    private readonly Stack<CachedStatementCommand> _spare = new();
    private readonly Dictionary<string, CachedStatement> _idle = new(ReferenceEqualityComparer.Instance);

    public override void Open()
    {
        base.Open();

        // SQLite plans for a bound limit's value, and then compiles the statement again whenever another is bound.
        var result = raw.sqlite3_db_config(Handle!, raw.SQLITE_DBCONFIG_ENABLE_QPSG, 1, out _);
        SqliteException.ThrowExceptionForRC(result, Handle!);
    }

    /// <summary>Finalizes the cached statements first: with one left, SQLite would neither close the file nor checkpoint the log.</summary>
    public override void Close()
    {
        foreach (var statement in _idle.Values)
        {
            statement.Dispose();
        }

        _idle.Clear();
        base.Close();
    }

    /// <summary>A compiled statement for the exclusive use of one command; a text that is in use is compiled a second time.</summary>
    /// <exception cref="SqliteException">The text is not valid.</exception>
    internal CachedStatement Take(string text) => _idle.Remove(text, out var known) ? known : new CachedStatement(Handle!, text);

    internal void Keep(CachedStatement statement)
    {
        statement.Clear();
        if (_idle.Count >= MaxIdle || !_idle.TryAdd(statement.Text, statement))
        {
            statement.Dispose();
        }
    }

    /// <summary>Disposed commands are reused, because creating one registers a finalizer.</summary>
    internal void Keep(CachedStatementCommand command) => _spare.Push(command);

    protected override DbCommand CreateDbCommand()
    {
        var command = _spare.TryPop(out var spare) ? spare : new CachedStatementCommand(this);
        command.IsGiven = true;
        return command;
    }
}
