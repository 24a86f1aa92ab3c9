using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Bounds the memory of request bodies while they arrive and, under /v1, until they are answered, for each person and in all. Bodies of at
/// most <see cref="Uncounted"/> are not counted. Bodies of at most <see cref="Small"/> have a budget of their own, so that large ones never
/// displace them. A large body reserves its whole declared length as soon as it exceeds that, so that it is refused early and not when it
/// has almost arrived. Safe for any thread.
/// </summary>
/// <param name="memory">The memory of the process in bytes.</param>
internal sealed class BodyBudget(long memory)
{
    public const long Uncounted = 64 * 1024;
    public const long Small = 1024 * 1024;

    /// <summary>Two of the largest bodies of /v1, or a dozen with photographs.</summary>
    public const long MaxLargeOfPerson = 64 * 1024 * 1024;

    public const long MaxSmallOfPerson = 16 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Share> _people = [];
    private readonly long _maxLarge = Math.Clamp(memory / 8, MaxLargeOfPerson, 8 * MaxLargeOfPerson);
    private readonly long _maxSmall = Math.Clamp(memory / 32, MaxSmallOfPerson, 8 * MaxSmallOfPerson);
    private long _large;
    private long _small;

    /// <summary>Bytes that are reserved now.</summary>
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

    /// <summary>Changes the reservation of a body. A smaller one always succeeds.</summary>
    /// <returns>Null, or why the larger one is refused.</returns>
    internal Problem? Change(string person, long before, long after)
    {
        lock (_gate)
        {
            if (!_people.TryGetValue(person, out var own))
            {
                _people[person] = own = new Share();
            }

            var (large, small) = (Large(after) - Large(before), SmallPart(after) - SmallPart(before));
            var refused = large > 0 && own.Large + large > MaxLargeOfPerson || small > 0 && own.Small + small > MaxSmallOfPerson
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

    private sealed class Share
    {
        public long Large { get; set; }

        public long Small { get; set; }
    }
}

/// <summary>The reservation of one body. For one request, not thread-safe.</summary>
/// <param name="declared">The Content-Length of the request, if it has one.</param>
internal sealed class BodyLease(BodyBudget budget, string person, long? declared) : IDisposable
{
    private long _reserved;

    /// <summary>Reserves memory for the bytes that were received.</summary>
    /// <returns>Null, or why the request cannot continue.</returns>
    public Problem? Grow(long received)
    {
        if (received <= BodyBudget.Uncounted || received <= _reserved)
        {
            return null;
        }

        // In steps, so that not every piece takes the lock.
        var wanted = received <= BodyBudget.Small
            ? RoundUp(received, BodyBudget.Uncounted)
            : Math.Max(declared ?? 0, RoundUp(received, 4 * BodyBudget.Small));
        if (budget.Change(person, _reserved, wanted) is { } refused)
        {
            return refused;
        }

        _reserved = wanted;
        return null;
    }

    public void Dispose()
    {
        if (_reserved > 0)
        {
            budget.Change(person, _reserved, 0);
            _reserved = 0;
        }
    }

    private static long RoundUp(long bytes, long step) => (bytes + step - 1) / step * step;
}
