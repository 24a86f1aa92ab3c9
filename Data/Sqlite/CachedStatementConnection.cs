using System.Data.Common;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// A connection that keeps its statements compiled: most of what a short statement costs is compiling it. Its commands call SQLite
/// without the provider's own command layer, whose objects for each value were a third of all that a server of many chats allocates.
/// Used by one thread at a time, as every connection. Statements are known by their text's reference, which literals share, so a text
/// that is put together at run time gains nothing here.
/// </summary>
internal sealed class CachedStatementConnection(string connectionString) : SqliteConnection(connectionString)
{
    /// <summary>More than the program has; each costs a few kilobytes.</summary>
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

    /// <summary>Finalizes the kept statements first: with one left, SQLite would neither close the file nor fold the log into it.</summary>
    public override void Close()
    {
        foreach (var statement in _idle.Values)
        {
            statement.Dispose();
        }

        _idle.Clear();
        base.Close();
    }

    /// <summary>A compiled statement for one command alone; one that is in use is compiled again.</summary>
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

    /// <summary>A command that was disposed serves again: making one registers a finalizer.</summary>
    internal void Keep(CachedStatementCommand command) => _spare.Push(command);

    protected override DbCommand CreateDbCommand()
    {
        var command = _spare.TryPop(out var spare) ? spare : new CachedStatementCommand(this);
        command.IsGiven = true;
        return command;
    }
}
