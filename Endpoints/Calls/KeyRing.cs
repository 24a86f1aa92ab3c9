using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// The order in which the keys of a connection are tried. Keys take turns; a key that was refused or rate limited rests for a while,
/// which means that it is tried last. Safe for any number of threads.
/// </summary>
internal sealed class KeyRing(TimeProvider clock)
{
    private static readonly TimeSpan ShortRest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongRest = TimeSpan.FromMinutes(5);
    private const int MaxResting = 10_000;

    private readonly ConcurrentDictionary<(long Connection, long Key), DateTimeOffset> _resting = new();
    private readonly ConcurrentDictionary<long, int> _turns = new();

    /// <summary>Puts the endpoints of one connection, one for each of its keys, in the order in which to try them now.</summary>
    public List<ProviderEndpoint> Order(IReadOnlyList<ProviderEndpoint> endpoints)
    {
        if (endpoints.Count == 1)
        {
            return [endpoints[0]];
        }

        var now = clock.GetUtcNow();
        var turn = _turns.AddOrUpdate(endpoints[0].ConnectionId, 0, (_, last) => (last + 1) % endpoints.Count);
        return [.. endpoints.Skip(turn).Concat(endpoints.Take(turn)).OrderBy(endpoint => Until(endpoint, now))];
    }

    /// <summary>Lets a key rest after a call that failed because of it.</summary>
    public void Rest(ProviderEndpoint endpoint, ProviderException failure)
    {
        if (_resting.Count >= MaxResting)
        {
            _resting.Clear();
        }

        var rest = failure.Failure == ProviderFailure.RateLimited ? failure.RetryAfter ?? ShortRest : LongRest;
        _resting[Name(endpoint)] = clock.GetUtcNow() + (rest < LongRest ? rest : LongRest);
    }

    private DateTimeOffset Until(ProviderEndpoint endpoint, DateTimeOffset now) =>
        _resting.TryGetValue(Name(endpoint), out var until) && until > now ? until : DateTimeOffset.MinValue;

    // A digest: a new key does not inherit the rest of the one it replaced, and no key is stored in clear.
    private static (long Connection, long Key) Name(ProviderEndpoint endpoint) => (endpoint.ConnectionId,
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(endpoint.ApiKey ?? ""))));
}
