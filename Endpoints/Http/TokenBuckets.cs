namespace AiChat.Endpoints.Http;

/// <summary>
/// A token bucket for each key, refilled evenly over time. The number of keys is bounded: full buckets, which limit nobody, are evicted
/// first, then the least recently used. Uses the monotonic clock. Safe for any number of threads.
/// </summary>
/// <param name="takers">How many take of the same buckets, until <see cref="Share"/> says another number.</param>
internal sealed class TokenBuckets<TKey>(TimeProvider clock, int maxKeys = 50_000, int takers = 1)
    where TKey : notnull
{
    /// <summary>The part of a bucket by which all who share it may exceed it together.</summary>
    private const double Excess = 0.2;

    private static readonly TimeSpan UntilShared = TimeSpan.FromSeconds(1);

    private readonly Dictionary<TKey, Bucket> _buckets = [];
    private readonly Lock _gate = new();
    private int _takers = takers;

    /// <summary>Takes a token if there is one.</summary>
    /// <returns>Zero when a token was taken, else the time until there is one.</returns>
    public TimeSpan Take(TKey key, double capacity, TimeSpan refillOfOne)
    {
        lock (_gate)
        {
            var bucket = Current(key, capacity, refillOfOne);
            if (bucket.Left < 1)
            {
                return (1 - bucket.Left) * refillOfOne;
            }

            if (bucket.Left - 1 < bucket.Floor)
            {
                return UntilShared;
            }

            bucket.Left--;
            return TimeSpan.Zero;
        }
    }

    /// <summary>Returns the token that <see cref="Take"/> took, because the attempt does not count.</summary>
    public void Return(TKey key)
    {
        lock (_gate)
        {
            if (_buckets.TryGetValue(key, out var bucket))
            {
                bucket.Left = Math.Min(bucket.Capacity, bucket.Left + 1);
            }
        }
    }

    /// <summary>Takes tokens that others took of the same bucket; it may owe some afterwards.</summary>
    public void Drain(TKey key, double count, double capacity, TimeSpan refillOfOne)
    {
        lock (_gate)
        {
            var bucket = Current(key, capacity, refillOfOne);
            bucket.Left = Math.Max(-capacity, bucket.Left - count);
        }
    }

    /// <summary>
    /// So many take of the same buckets and tell each other once in a while: until they do, each takes half of its part of what is left and
    /// of <see cref="Excess"/> more. The other half is for what others have taken and are about to tell.
    /// </summary>
    public void Share(int takers)
    {
        lock (_gate)
        {
            _takers = takers;
            foreach (var bucket in _buckets.Values)
            {
                bucket.Floor = FloorOf(bucket);
            }
        }
    }

    private double FloorOf(Bucket bucket) =>
        _takers <= 1 ? double.MinValue : bucket.Left - ((bucket.Left + (Excess * bucket.Capacity)) / (2 * _takers));

    private Bucket Current(TKey key, double capacity, TimeSpan refillOfOne)
    {
        var now = clock.GetTimestamp();
        if (_buckets.TryGetValue(key, out var bucket))
        {
            bucket.Left = Math.Min(capacity, bucket.Left + (clock.GetElapsedTime(bucket.TouchedAt, now) / refillOfOne));
            bucket.TouchedAt = now;
            bucket.Capacity = capacity;
            return bucket;
        }

        if (_buckets.Count >= maxKeys)
        {
            Evict(now);
        }

        bucket = new Bucket { Left = capacity, Capacity = capacity, TouchedAt = now, RefillOfOne = refillOfOne };
        bucket.Floor = FloorOf(bucket);
        _buckets.Add(key, bucket);
        return bucket;
    }

    private void Evict(long now)
    {
        foreach (var (key, bucket) in _buckets)
        {
            if (bucket.Left + (clock.GetElapsedTime(bucket.TouchedAt, now) / bucket.RefillOfOne) >= bucket.Capacity)
            {
                _buckets.Remove(key);
            }
        }

        // A quarter at once, so that a flood of new keys does not sort the whole table for each of them.
        var tooMany = _buckets.Count - (maxKeys * 3 / 4);
        if (tooMany > 0)
        {
            foreach (var key in _buckets.OrderBy(entry => entry.Value.TouchedAt).Take(tooMany).Select(entry => entry.Key).ToList())
            {
                _buckets.Remove(key);
            }
        }
    }

    private sealed class Bucket
    {
        public double Left { get; set; }

        public double Capacity { get; set; }

        /// <summary>What must stay until others have told what they took.</summary>
        public double Floor { get; set; }

        public TimeSpan RefillOfOne { get; init; }

        public long TouchedAt { get; set; }
    }
}
