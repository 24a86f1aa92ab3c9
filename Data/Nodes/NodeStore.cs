using AiChat.Data.Postgres;
using AiChat.Data.Store;

namespace AiChat.Data.Nodes;

/// <summary>
/// What this process has to do with others on the same database. A store in a file is that of one process, which is then alone: nothing
/// here costs it anything.
/// </summary>
internal sealed class NodeStore(Db db, NodeLink? link = null)
{
    private readonly string _own = Guid.NewGuid().ToString("N");

    /// <summary>No other process can be on the database.</summary>
    public bool IsAlone => link is null;

    /// <summary>Names this process in the rows of its runs.</summary>
    public string BootId => link?.BootId ?? _own;

    /// <summary>The running answers of a user in all processes.</summary>
    public Task<List<RunningRow>> Running(long userId) => db.Read(connection => NodeTable.Running(connection, userId));

    /// <summary>The running answer of a message, in whichever process; null when none writes it.</summary>
    public Task<RunningRow?> Running(long userId, long messageId) =>
        db.Read(connection => NodeTable.Running(connection, userId, messageId));

    /// <summary>Tells every process, this one too.</summary>
    public Task Tell(string kind, string key) => db.Write(connection => NodeTable.Tell(connection, kind, key));

    /// <summary>The other processes.</summary>
    public async Task<List<NodeRow>> Others() =>
        IsAlone ? [] : (await db.Read(NodeTable.List)).FindAll(node => node.BootId != BootId);

    /// <summary>This process has ended what it had begun, or leaves it to the others.</summary>
    public async Task Leave()
    {
        if (link is not null)
        {
            link.Dispose(); // before the row goes, or it would be taken for declared gone
            await Remove(BootId, null);
        }
    }

    /// <summary>Declares a process gone; true when nobody had done so before.</summary>
    /// <param name="age">How long it must not have been heard of; null where it is known to be gone.</param>
    public Task<bool> Remove(string bootId, TimeSpan? age) =>
        db.Write(connection => NodeTable.Remove(connection, bootId, (long)(age ?? TimeSpan.Zero).TotalMilliseconds));

    /// <summary>Gives back what processes that are gone held for their calls.</summary>
    public async Task ReleaseHeld()
    {
        foreach (var userId in await db.Read(HeldCalls.Orphans))
        {
            await db.Write(connection => HeldCalls.Release(connection, userId));
        }
    }

    /// <summary>Removes what is over.</summary>
    public Task Forget() => db.Write(connection =>
    {
        NodeTable.Forget(connection);
    });

    /// <summary>
    /// Whether this process is to do a task that one at a time does; it keeps it for this long, and may ask again before.
    /// </summary>
    public Task<bool> TryTake(string task, TimeSpan time) => IsAlone
        ? Task.FromResult(true) : db.Write(connection => NodeTable.TryTake(connection, task, BootId, (long)time.TotalSeconds));
}
