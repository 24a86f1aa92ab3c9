using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// The memory that bodies of requests may take while they arrive and, under /v1, until they are answered: bounded for each person and
/// in all. Bodies of at most <see cref="Uncounted"/> are not counted, and those of at most <see cref="Small"/> have room of their own,
/// so that large ones never keep small ones out. A large body is refused when it turns out to be one, not when it is nearly there: it
/// takes the room for its whole declared length at once. Safe for any thread.
/// </summary>
/// <param name="memory">What the process may take, in bytes.</param>
internal sealed class BodyBudget(long memory)
{
    public const long Uncounted = 64 * 1024;
    public const long Small = 1024 * 1024;

    /// <summary>Two of the largest bodies of /v1, or a dozen with photographs.</summary>
    public const long LargeOfOne = 64 * 1024 * 1024;

    public const long SmallOfOne = 16 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Room> _people = [];
    private readonly long _maxLarge = Math.Clamp(memory / 8, LargeOfOne, 8 * LargeOfOne);
    private readonly long _maxSmall = Math.Clamp(memory / 32, SmallOfOne, 8 * SmallOfOne);
    private long _large;
    private long _small;

    /// <summary>Bytes that bodies have now.</summary>
    public long Taken
    {
        get
        {
            lock (_gate)
            {
                return _large + _small;
            }
        }
    }

    public static BodyBudget OfProcess() => new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>Changes what a body has; null, or why it cannot have so much. Less is always possible.</summary>
    internal Problem? Change(string person, long before, long after)
    {
        lock (_gate)
        {
            if (!_people.TryGetValue(person, out var own))
            {
                _people[person] = own = new Room();
            }

            var (large, small) = (Large(after) - Large(before), SmallPart(after) - SmallPart(before));
            var refused = large > 0 && own.Large + large > LargeOfOne || small > 0 && own.Small + small > SmallOfOne
                ? Problems.TooMany("rate_limited", "Too much is being sent by this account at once; wait for one request to end.", 5)
                : large > 0 && _large + large > _maxLarge || small > 0 && _small + small > _maxSmall ? Problems.Overloaded(5)
                : null;
            if (refused is null)
            {
                (own.Large, own.Small, _large, _small) = (own.Large + large, own.Small + small, _large + large, _small + small);
            }

            if (own is { Large: 0, Small: 0 })
            {
                _people.Remove(person);
            }

            return refused;
        }
    }

    private static long Large(long bytes) => bytes > Small ? bytes : 0;

    private static long SmallPart(long bytes) => bytes > Small ? 0 : bytes;

    private sealed class Room
    {
        public long Large { get; set; }

        public long Small { get; set; }
    }
}

/// <summary>What one body has of the budget. Used by one request.</summary>
/// <param name="declared">The length that the request says its body has, if it does.</param>
internal sealed class BodyLease(BodyBudget budget, string person, long? declared) : IDisposable
{
    private long _has;

    /// <summary>So much was received: null, or why it cannot go on.</summary>
    public Problem? Grow(long received)
    {
        if (received <= BodyBudget.Uncounted || received <= _has)
        {
            return null;
        }

        // By steps, so that not every piece asks.
        var wanted = received <= BodyBudget.Small
            ? RoundUp(received, BodyBudget.Uncounted)
            : Math.Max(declared ?? 0, RoundUp(received, 4 * BodyBudget.Small));
        if (budget.Change(person, _has, wanted) is { } refused)
        {
            return refused;
        }

        _has = wanted;
        return null;
    }

    public void Dispose()
    {
        if (_has > 0)
        {
            budget.Change(person, _has, 0);
            _has = 0;
        }
    }

    private static long RoundUp(long bytes, long step) => (bytes + step - 1) / step * step;
}
