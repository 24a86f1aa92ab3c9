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
    private long _lastCount;

    /// <summary>How often each of the others had told when all of them had told again.</summary>
    private Dictionary<string, long> _heard = [];

    /// <summary>No other process can be on the database.</summary>
    public bool IsAlone => link is null;

    /// <summary>Names this process in the rows of its runs.</summary>
    public string BootId => link?.BootId ?? _own;

    /// <summary>Names the data folder of this process among all; null where it is alone.</summary>
    public string? Place => link?.Place;

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

    /// <summary>Tells the other processes where this one keeps images.</summary>
    public async Task ShowImages(string? images)
    {
        if (link is not null)
        {
            link.Images = images;
            await db.Write(connection => NodeTable.ShowImages(connection, BootId, images));
        }
    }

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
    public Task Forget(DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            NodeTable.Forget(connection);
            RequestCounts.Forget(connection);
            SharedRows.Forget(connection, at);
        });
    }

    /// <summary>
    /// Tells the others what was asked of this process, and asks what was asked of them since the last call. Call from one thread at a
    /// time.
    /// </summary>
    /// <returns>
    /// How many processes there are; whether each of the others has told again since the last time that all of them had; and what.
    /// </returns>
    public async Task<(int Nodes, bool HasHeard, List<RequestCount> Theirs)> Exchange(IReadOnlyList<RequestCount> mine)
    {
        if (mine.Count > 0 || _heard.Count > 0)
        {
            await db.Write(connection => RequestCounts.Add(connection, BootId, mine));
        }

        var last = _lastCount;

        // The ticks first: what they count is among what is read after them.
        var (ticks, theirs) = await db.Read(connection =>
            (RequestCounts.Ticks(connection, BootId), RequestCounts.Since(connection, BootId, last)));
        _lastCount = theirs.Count > 0 ? theirs[^1].Id : last;
        var hasHeard = ticks.TrueForAll(one => one.Tick > _heard.GetValueOrDefault(one.BootId, long.MaxValue));
        if (hasHeard || ticks.Exists(one => !_heard.ContainsKey(one.BootId)) || ticks.Count != _heard.Count)
        {
            _heard = ticks.ToDictionary(one => one.BootId, one => one.Tick);
        }

        return (ticks.Count + 1, hasHeard, theirs);
    }

    /// <summary>Takes a token of a bucket that all processes share; zero when there was one, else the time until there is.</summary>
    public async Task<TimeSpan> TakeToken(string name, string key, double capacity, TimeSpan refill, DateTimeOffset now)
    {
        var (each, at) = (refill.TotalMilliseconds, now.ToUnixTimeMilliseconds());
        return TimeSpan.FromMilliseconds(
            await db.Write(connection => SharedRows.Take(connection, name, key, capacity, each, at)));
    }

    public Task ReturnToken(string name, string key) => db.Write(connection => SharedRows.Return(connection, name, key));

    /// <summary>Counts one more of something for all processes; how many there are now.</summary>
    public Task<long> Count(string name, string key, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection => SharedRows.Count(connection, name, key, at));
    }

    public Task<CountRow?> Counted(string name, string key) => db.Read(connection => SharedRows.Counted(connection, name, key));

    public Task DropCount(string name, string key) => db.Write(connection => SharedRows.Drop(connection, name, key));

    /// <summary>Keeps what the next step of a client may need at another process.</summary>
    public Task Keep(string name, string key, string value, TimeSpan time) =>
        db.Write(connection => SharedRows.Keep(connection, name, key, value, (long)time.TotalSeconds));

    public Task<string?> Kept(string name, string key) => db.Read(connection => SharedRows.Kept(connection, name, key));

    /// <summary>
    /// Whether this process is to do a task that one at a time does; it keeps it for this long, and may ask again before.
    /// </summary>
    public Task<bool> TryTake(string task, TimeSpan time) => IsAlone
        ? Task.FromResult(true) : db.Write(connection => NodeTable.TryTake(connection, task, BootId, (long)time.TotalSeconds));

    /// <summary>This process has done a task that it took: another one may take it now.</summary>
    public Task GiveBack(string task) => IsAlone
        ? Task.CompletedTask : db.Write(connection => NodeTable.GiveBack(connection, task, BootId));
}
