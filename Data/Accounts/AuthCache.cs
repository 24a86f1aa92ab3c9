using System.Collections.Concurrent;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// Caches the users, logins and keys that authentication reads, so that no request queries the database for them.
/// Whoever writes one of those rows calls the matching <c>…Changed</c> or <c>…Ended</c> after the commit and before answering, so that
/// a revocation takes effect before the response. Long-lived responses watch their login and are cancelled when it ends. Thread-safe.
/// </summary>
internal sealed class AuthCache(Db db)
{
    /// <summary>About 10 MB when full; a full cache is cleared and refilled on demand.</summary>
    private const int MaxEntries = 50_000;

    /// <summary>Ids above this are logins without a row; the database never reaches it.</summary>
    private const long FirstUnrecorded = 1L << 62;

    private const int MaxUnrecorded = 1_000;

    private readonly ConcurrentDictionary<long, LiveUser> _users = new();
    private readonly ConcurrentDictionary<long, LiveLogin> _logins = new();
    private readonly ConcurrentDictionary<long, LiveLogin> _unrecorded = new();
    private readonly ConcurrentDictionary<string, LiveKey> _keys = new();
    private readonly ConcurrentDictionary<string, LiveGuest> _guests = new();
    private readonly ConcurrentDictionary<Watched, CancellationTokenSource> _watched = new();
    private readonly ConcurrentDictionary<long, bool> _endedKeys = new();
    private readonly Lock _gate = new();
    private long _generation;
    private long _lastUnrecorded = FirstUnrecorded;

    public ValueTask<LiveUser?> User(long id) =>
        _users.TryGetValue(id, out var user) ? new ValueTask<LiveUser?>(user) : LoadUser(id);

    public ValueTask<LiveLogin?> Login(long id) =>
        id > FirstUnrecorded ? new ValueTask<LiveLogin?>(_unrecorded.GetValueOrDefault(id))
        : _logins.TryGetValue(id, out var login) ? new ValueTask<LiveLogin?>(login) : LoadLogin(id);

    /// <summary>Adds a login that only this process knows, because the disk is full.</summary>
    /// <returns>Its id, or null when there are too many.</returns>
    public long? AddUnrecorded(long userId, DateTimeOffset now, DateTimeOffset expires)
    {
        foreach (var over in _unrecorded.Where(login => login.Value.ExpiresAt <= now.ToUnixTimeMilliseconds()))
        {
            _unrecorded.TryRemove(over);
        }

        if (_unrecorded.Count >= MaxUnrecorded)
        {
            return null;
        }

        var id = Interlocked.Increment(ref _lastUnrecorded);
        _unrecorded[id] = new LiveLogin(id, userId, expires.ToUnixTimeMilliseconds());
        return id;
    }

    /// <summary>Finds a key by the SHA-256 of its whole text, as lower-case hex.</summary>
    public ValueTask<LiveKey?> Key(string keyHash) =>
        _keys.TryGetValue(keyHash, out var key) ? new ValueTask<LiveKey?>(key) : Load(_keys, keyHash, () => db.Read(connection =>
            connection.QuerySingleOrDefault<LiveKey>("""
                select id, user_id, scopes, expires_at, models
                from api_keys
                where key_hash = @keyHash
                """, new { keyHash })));

    /// <summary>Finds a guest by the SHA-256 of the token, as lower-case hex.</summary>
    public ValueTask<LiveGuest?> Guest(string tokenHash) =>
        _guests.TryGetValue(tokenHash, out var guest) ? new ValueTask<LiveGuest?>(guest)
        : Load(_guests, tokenHash, () => db.Read(connection =>
            connection.QuerySingleOrDefault<LiveGuest>("""
                select id, epoch, expires_at
                from users
                where guest_token_hash = @tokenHash and role = 'GUEST'
                """, new { tokenHash })));

    /// <summary>Cancelled when the login (or key) ends, and when its user is disabled, demoted, deleted or changes the password.</summary>
    /// <returns>A token that is cancelled already when that happened after <paramref name="epoch"/> was read.</returns>
    public async ValueTask<CancellationToken> Watch(long userId, long epoch, long loginId, long keyId)
    {
        var token = _watched.GetOrAdd(new Watched(userId, epoch, loginId, keyId), _ => new CancellationTokenSource()).Token;

        // Register first, check second: a revocation in between is seen by one of the two.
        return await IsGood(new Watched(userId, epoch, loginId, keyId)) ? token : new CancellationToken(canceled: true);
    }

    /// <summary>Another process has changed the user, its logins or its keys: what no longer holds ends, what holds goes on.</summary>
    public async Task UserChangedElsewhere(long userId)
    {
        ForgetUser(userId);
        await Recheck(watched => watched.UserId == userId);
    }

    public async Task LoginChangedElsewhere(long loginId)
    {
        Forget(() => _logins.TryRemove(loginId, out _));
        await Recheck(watched => watched.LoginId == loginId);
    }

    public async Task KeyChangedElsewhere(long keyId)
    {
        Forget(() =>
        {
            foreach (var key in _keys.Where(key => key.Value.Id == keyId))
            {
                _keys.TryRemove(key.Key, out _);
            }
        });
        var left = await db.Read(connection =>
            connection.ExecuteScalar<long>("select count(*) from api_keys where id = @keyId", new { keyId }));
        if (left == 0)
        {
            _endedKeys[keyId] = true;
        }

        await Recheck(watched => watched.KeyId == keyId);
    }

    /// <summary>Changes of other processes may have been missed: everything is read again.</summary>
    public async Task ForgetAll()
    {
        Forget(() =>
        {
            _users.Clear();
            _logins.Clear();
            _keys.Clear();
            _guests.Clear();
        });
        await Recheck(_ => true);
    }

    /// <summary>Nobody can tell any more what still holds: all long-lived responses end.</summary>
    public void EndAll() => Cancel(_ => true);

    /// <summary>The user's row changed in a way that leaves sign-ins valid.</summary>
    public void UserChanged(long userId) => Forget(() => _users.TryRemove(userId, out _));

    /// <summary>Ends all streams of this user; credentials that are still valid may open new ones.</summary>
    public void UserRevoked(long userId)
    {
        ForgetUser(userId);
        foreach (var login in _unrecorded.Values.Where(login => login.UserId == userId))
        {
            _unrecorded.TryRemove(login.Id, out _);
        }

        Cancel(watched => watched.UserId == userId);
    }

    /// <summary>The login was extended.</summary>
    public void LoginExtended(long loginId) => Forget(() => _logins.TryRemove(loginId, out _));

    public void LoginEnded(long loginId)
    {
        _unrecorded.TryRemove(loginId, out _);
        Forget(() => _logins.TryRemove(loginId, out _));
        Cancel(watched => watched.LoginId == loginId);
    }

    public static bool IsUnrecorded(long loginId) => loginId > FirstUnrecorded;

    public void KeyChanged(string keyHash, long keyId)
    {
        _endedKeys[keyId] = true;
        Forget(() => _keys.TryRemove(keyHash, out _));
        Cancel(watched => watched.KeyId == keyId);
    }

    // Apart from the lookups, which would else make the closure of the query each time.
    private ValueTask<LiveUser?> LoadUser(long id) => Load(_users, id, () => db.Read(connection =>
        connection.QuerySingleOrDefault<LiveUser>("""
            select id, username, role, status, epoch
            from users
            where id = @id
            """, new { id })));

    private ValueTask<LiveLogin?> LoadLogin(long id) => Load(_logins, id, () => db.Read(connection =>
        connection.QuerySingleOrDefault<LiveLogin>("""
            select id, user_id, expires_at
            from logins
            where id = @id
            """, new { id })));

    private async ValueTask<TValue?> Load<TKey, TValue>(ConcurrentDictionary<TKey, TValue> cache, TKey key, Func<Task<TValue?>> read)
        where TKey : notnull
        where TValue : class
    {
        var before = Interlocked.Read(ref _generation);
        var row = await read();
        if (row is null)
        {
            return null;
        }

        lock (_gate)
        {
            // A row that was read before a concurrent change must not be cached after it.
            if (before == _generation)
            {
                if (cache.Count >= MaxEntries)
                {
                    cache.Clear();
                }

                cache[key] = row;
            }
        }

        return row;
    }

    private void ForgetUser(long userId) => Forget(() =>
    {
        _users.TryRemove(userId, out _);
        foreach (var login in _logins.Values.Where(login => login.UserId == userId))
        {
            _logins.TryRemove(login.Id, out _);
        }

        foreach (var guest in _guests.Where(guest => guest.Value.Id == userId))
        {
            _guests.TryRemove(guest.Key, out _);
        }

        foreach (var key in _keys.Where(key => key.Value.UserId == userId))
        {
            _keys.TryRemove(key.Key, out _);
        }
    });

    private void Forget(Action remove)
    {
        lock (_gate)
        {
            Interlocked.Increment(ref _generation);
            remove();
        }
    }

    private async ValueTask<bool> IsGood(Watched watched) =>
        await User(watched.UserId) is { Status: "ACTIVE" } user && user.Epoch == watched.Epoch && !_endedKeys.ContainsKey(watched.KeyId)
            && (watched.LoginId == 0 || await Login(watched.LoginId) is not null);

    /// <summary>Ends what no longer holds; what cannot be looked up now ends too, because its client can ask again.</summary>
    private async Task Recheck(Predicate<Watched> which)
    {
        foreach (var watched in _watched.Keys.Where(watched => which(watched)))
        {
            var isGood = false;
            try
            {
                isGood = await IsGood(watched);
            }
            catch (StoreException)
            {
                // Then nobody knows.
            }

            if (!isGood)
            {
                Cancel(other => other == watched);
            }
        }
    }

    private void Cancel(Predicate<Watched> ends)
    {
        foreach (var key in _watched.Keys.Where(key => ends(key)))
        {
            if (_watched.TryRemove(key, out var source))
            {
                source.Cancel();
            }
        }
    }
}

/// <summary>What a long-lived response depends on; 0 is none.</summary>
internal readonly record struct Watched(long UserId, long Epoch, long LoginId, long KeyId);

internal sealed record LiveUser(long Id, string? Username, string Role, string Status, long Epoch);

internal sealed record LiveLogin(long Id, long UserId, long ExpiresAt);

internal sealed record LiveGuest(long Id, long Epoch, long ExpiresAt);

/// <summary>Scopes and models are JSON lists; null models are all.</summary>
internal sealed record LiveKey(long Id, long UserId, string Scopes, long? ExpiresAt, string? Models);
