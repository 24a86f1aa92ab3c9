using System.Collections.Concurrent;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Limits the requests a minute of an anonymous address, of a user and of a key. Several processes on one database tell each other once a
/// second what users and keys have asked, so that all together exceed a limit by a fifth at most.
/// </summary>
internal sealed class RequestLimits(SystemSettings settings, NodeStore nodes, TimeProvider clock) : IDisposable
{
    /// <summary>The page needs four or five before anybody signs in.</summary>
    private const int AnonymousPerMinute = 60;

    /// <summary>Processes on the database, before it was asked how many there are.</summary>
    private const int AtFirst = 2;

    private readonly TokenBuckets<string> _anonymous = new(clock);
    private readonly TokenBuckets<(long UserId, long KeyId)> _users = new(clock, takers: nodes.IsAlone ? 1 : AtFirst);
    private readonly ConcurrentDictionary<(long UserId, long KeyId), long> _asked = new();
    private readonly SemaphoreSlim _exchanging = new(1);
    private int _takers = nodes.IsAlone ? 1 : AtFirst;

    public Problem? Check(HttpContext context, CurrentUser? user)
    {
        if (user is { IsOperator: true } || (user is null && !IsApi(context.Request.Path)))
        {
            return null;
        }

        var perMinute = user is null ? AnonymousPerMinute : settings.RequestsPerMinute;
        if (perMinute == 0)
        {
            return null;
        }

        var refill = TimeSpan.FromMinutes(1) / perMinute;
        var wait = user is null
            ? _anonymous.Take(context.Client().Bucket, perMinute, refill)
            : Take((user.Id, user.ApiKeyId ?? 0), perMinute, refill);
        return wait == TimeSpan.Zero
            ? null
            : Problems.TooMany("rate_limited", "Too many requests. Wait a moment.", (int)Math.Ceiling(wait.TotalSeconds));
    }

    /// <summary>Tells the other processes what was asked here since the last call, and takes what was asked there.</summary>
    public async Task Exchange()
    {
        await _exchanging.WaitAsync();
        try
        {
            await ExchangeOnce();
        }
        finally
        {
            _exchanging.Release();
        }
    }

    public void Dispose() => _exchanging.Dispose();

    private async Task ExchangeOnce()
    {
        var mine = new List<RequestCount>();
        foreach (var key in _asked.Keys)
        {
            if (_asked.TryRemove(key, out var count))
            {
                mine.Add(new RequestCount { UserId = key.UserId, KeyId = key.KeyId, Count = count });
            }
        }

        var (takers, hasHeard, theirs) = await nodes.Exchange(mine);
        var perMinute = settings.RequestsPerMinute;
        foreach (var asked in perMinute == 0 ? [] : theirs)
        {
            _users.Drain((asked.UserId, asked.KeyId), asked.Count, perMinute, TimeSpan.FromMinutes(1) / perMinute);
        }

        // Who is late to tell may have taken its part: there is no new one before it is known.
        if (hasHeard || takers != _takers)
        {
            _takers = takers;
            _users.Share(takers);
        }
    }

    private TimeSpan Take((long UserId, long KeyId) key, int perMinute, TimeSpan refill)
    {
        var wait = _users.Take(key, perMinute, refill);
        if (wait == TimeSpan.Zero && !nodes.IsAlone)
        {
            _asked.AddOrUpdate(key, 1, (_, count) => count + 1);
        }

        return wait;
    }

    /// <summary>False for files of the page, which are cheap, and for health, which monitors ask anonymously.</summary>
    private static bool IsApi(PathString path) =>
        (path.StartsWithSegments("/api") && path != "/api/health" && path != "/api/settings/health") || path.StartsWithSegments("/v1");
}
