namespace AiChat.Endpoints.Http;

/// <summary>
/// A token bucket for each key, refilled evenly over time. The number of keys is bounded: full buckets, which limit nobody, are evicted
/// first, then the least recently used. Uses the monotonic clock. Safe for any number of threads.
/// </summary>
internal sealed class TokenBuckets<TKey>(TimeProvider clock, int maxKeys = 50_000)
    where TKey : notnull
{
    private readonly Dictionary<TKey, Bucket> _buckets = [];
    private readonly Lock _gate = new();

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

        public TimeSpan RefillOfOne { get; init; }

        public long TouchedAt { get; set; }
    }
}
