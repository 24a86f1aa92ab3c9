using System.Collections.Concurrent;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// API keys, with which scripts act as their user. Only a hash is stored. Every change invalidates <see cref="AuthCache"/> before it
/// returns.
/// </summary>
internal sealed class ApiKeys(Db db, AuthCache authCache)
{
    /// <summary>Keys of one user.</summary>
    public const int MaxCount = 50;

    /// <summary>Minimum interval between two updates of a key's last use.</summary>
    private const long TouchEveryMs = 60_000;

    private readonly ConcurrentDictionary<long, long> _touched = new();

    /// <summary>The new key's id, or null when the user has as many as allowed.</summary>
    public Task<long?> Insert(Caller owner, NewApiKey key, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, owner.UserId);
            var id = connection.QuerySingleOrDefault<long?>("""
                insert into api_keys (user_id, name, key_hash, prefix, scopes, models, daily_budget_nanos, expires_at, created_at)
                select @UserId, @Name, @KeyHash, @Prefix, @Scopes, @Models, @DailyBudgetNanos, @ExpiresAt, @at
                where (select count(*) from api_keys where user_id = @UserId) < @MaxCount
                returning id
                """, new
            {
                owner.UserId,
                key.Name,
                key.KeyHash,
                key.Prefix,
                key.Scopes,
                key.Models,
                key.DailyBudgetNanos,
                key.ExpiresAt,
                at,
                MaxCount,
            });
            if (id is not null)
            {
                var entry = new AuditEntry(owner.UserId, "key.create", $"key:{id} {key.Prefix}", owner.Ip, key.Scopes);
                AuditLog.Append(connection, entry, now);
            }

            return id;
        });
    }

    /// <summary>Newest first, with the cost of each today.</summary>
    public Task<List<ApiKeyRow>> List(long userId, DateTimeOffset now)
    {
        var day = UtcDay.From(now);
        return db.Read(connection => connection.Query<ApiKeyRow>("""
            select k.id, k.name, k.prefix, k.scopes, k.models, k.daily_budget_nanos, k.expires_at, k.last_used_at, k.created_at,
                coalesce(d.cost_nanos, 0) as spent_nanos
            from api_keys k
            left join api_key_days d on d.api_key_id = k.id and d.day = @day
            where k.user_id = @userId
            order by k.id desc
            limit @MaxCount
            """, new { userId, day, MaxCount }).ToList());
    }

    /// <summary>The key is invalid once this returns; streams that it opened end.</summary>
    public async Task<bool> Delete(Caller owner, long id, DateTimeOffset now)
    {
        var hash = await db.Write(connection =>
        {
            var deleted = connection.QuerySingleOrDefault<string>("""
                delete from api_keys where id = @id and user_id = @UserId returning key_hash
                """, new { id, owner.UserId });
            if (deleted is not null)
            {
                AuditLog.Append(connection, new AuditEntry(owner.UserId, "key.delete", $"key:{id}", owner.Ip), now);
            }

            return deleted;
        });
        if (hash is null)
        {
            return false;
        }

        authCache.KeyChanged(hash, id);
        _touched.TryRemove(id, out _);
        return true;
    }

    /// <summary>Records the use of a key; usually without a write.</summary>
    public async Task Touch(long id, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var last = _touched.GetOrAdd(id, 0);
        if (at - last < TouchEveryMs || !_touched.TryUpdate(id, at, last))
        {
            return;
        }

        try
        {
            await db.Write(connection => connection.Execute("update api_keys set last_used_at = @at where id = @id", new { at, id }));
        }
        catch (StoreException)
        {
            // The request does not depend on this record.
            _touched.TryRemove(id, out _);
        }
    }
}

/// <summary>Scopes and models are JSON lists; null models are all.</summary>
internal sealed record NewApiKey(
    string Name, string KeyHash, string Prefix, string Scopes, string? Models, long? DailyBudgetNanos, long? ExpiresAt);

internal sealed class ApiKeyRow
{
    public long Id { get; init; }

    public string Name { get; init; } = "";

    public string Prefix { get; init; } = "";

    public string Scopes { get; init; } = "[]";

    public string? Models { get; init; }

    public long? DailyBudgetNanos { get; init; }

    public long SpentNanos { get; init; }

    public long? ExpiresAt { get; init; }

    public long? LastUsedAt { get; init; }

    public long CreatedAt { get; init; }
}
