using System.Collections.Concurrent;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// The places among the answers that are written at once, in all and for each account, whichever API asks. Safe for any number of
/// threads.
/// </summary>
internal sealed class RunSlots(MemoryBudget memory, SystemSettings settings)
{
    private const int RetryAfter = 5;

    /// <summary>The refusal of one answer more for an account.</summary>
    public static readonly Problem TooManyRuns = Problems.TooMany(
        "too_many_runs", "Too many answers are being written for this account; wait for one to end.", RetryAfter);

    private static readonly Problem Overloaded = Problems.Overloaded(RetryAfter);

    private readonly ConcurrentDictionary<long, int> _byUser = new();
    private int _count;
    private volatile bool _closed;

    /// <summary>Places that are taken.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>No place is given any more, because the process is about to end.</summary>
    public bool IsClosed => _closed;

    /// <summary>Gives no place any more; those that are taken stay.</summary>
    public void Close() => _closed = true;

    /// <summary>Whether an account has a place.</summary>
    public bool IsTakenBy(long userId) => _byUser.ContainsKey(userId);

    /// <summary>Takes a place; null when there is none.</summary>
    /// <param name="userId">The account that the answer is for.</param>
    /// <param name="refused">What to tell the caller when there is no place.</param>
    public RunSlot? Enter(long userId, out Problem refused)
    {
        refused = Overloaded;
        if (_closed || !memory.TryBegin())
        {
            return null;
        }

        var all = Interlocked.Increment(ref _count);
        var own = _byUser.AddOrUpdate(userId, 1, (_, count) => count + 1);
        var slot = new RunSlot(this, userId, new MemoryLease(memory));
        var tooMany = settings.MaxRuns > 0 && all > settings.MaxRuns;
        if (!tooMany && (settings.MaxRunsPerUser == 0 || own <= settings.MaxRunsPerUser))
        {
            return slot;
        }

        refused = tooMany ? Overloaded : TooManyRuns;
        slot.Dispose();
        return null;
    }

    /// <summary>Gives a place back; only <see cref="RunSlot"/> does.</summary>
    internal void Leave(long userId)
    {
        Interlocked.Decrement(ref _count);
        if (_byUser.AddOrUpdate(userId, 0, (_, count) => count - 1) == 0)
        {
            _byUser.TryRemove(new KeyValuePair<long, int>(userId, 0));
        }
    }
}

/// <summary>
/// A place among the answers that are written at once, with the memory of its answer. Any thread may dispose it, more than once.
/// </summary>
internal sealed class RunSlot(RunSlots slots, long userId, MemoryLease memory) : IDisposable
{
    private bool _left;

    /// <summary>The memory that the answer takes as it grows.</summary>
    public MemoryLease Memory => memory;

    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _left, true))
        {
            memory.Dispose();
            slots.Leave(userId);
        }
    }
}
