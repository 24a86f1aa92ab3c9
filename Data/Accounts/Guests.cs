using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// Visitors without an account. Each has a row in users and a token, of which only the hash is stored. The row is created when a visitor
/// first writes something; at sign-in the guest's data moves to the account.
/// </summary>
internal sealed class Guests(Db db, AuthCache authCache)
{
    /// <summary>With the limit for each address, this keeps scripts from filling the table.</summary>
    private const int MaxCount = 10_000;

    /// <summary>The new guest's id, or null when the maximum is reached.</summary>
    public Task<long?> Insert(string tokenHash, DateTimeOffset expires, DateTimeOffset now)
    {
        var (at, expiresAt) = (now.ToUnixTimeMilliseconds(), expires.ToUnixTimeMilliseconds());
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Guests);
            return connection.QuerySingleOrDefault<long?>("""
                insert into users (role, status, guest_token_hash, expires_at, created_at)
                select 'GUEST', 'ACTIVE', @tokenHash, @expiresAt, @at
                where (select count(*) from users where expires_at is not null) < @MaxCount
                returning id
                """, new { tokenHash, expiresAt, at, MaxCount });
        });
    }

    /// <summary>Moves the guest's data to an account and deletes the guest. The guest's answers must have ended before.</summary>
    public async Task Move(long guestId, long userId)
    {
        await db.Write(connection =>
        {
            RowLock.User(connection, Math.Min(guestId, userId));
            RowLock.User(connection, Math.Max(guestId, userId));
            if (connection.ExecuteScalar<long>("select count(*) from users where id = @guestId and role = 'GUEST'", new { guestId }) == 1)
            {
                MoveRows(connection, guestId, userId);
            }
        });
        authCache.UserRevoked(guestId);
    }

    private static void MoveRows(DbConnection connection, long guestId, long userId)
    {
        var both = new { guestId, userId };
        connection.Execute("""
            update runs set user_id = @userId where session_id in (select id from sessions where user_id = @guestId)
            """, both);
        connection.Execute("update sessions set user_id = @userId where user_id = @guestId", both);
        connection.Execute("update images set user_id = @userId where user_id = @guestId", both);
        connection.Execute("""
            update drafts set user_id = @userId
            where user_id = @guestId and not exists (
                select 1 from drafts own where own.user_id = @userId and coalesce(own.session_id, 0) = coalesce(drafts.session_id, 0))
            """, both);
        connection.Execute("update shares set user_id = @userId where user_id = @guestId", both);
        connection.Execute("update usage_entries set user_id = @userId where user_id = @guestId", both);
        connection.Execute("""
            insert into daily_usage (user_id, day, messages, tokens, cost_nanos)
            select @userId, day, messages, tokens, cost_nanos from daily_usage where user_id = @guestId
            on conflict (user_id, day) do update set messages = daily_usage.messages + excluded.messages,
                tokens = daily_usage.tokens + excluded.tokens, cost_nanos = daily_usage.cost_nanos + excluded.cost_nanos
            """, both);
        connection.Execute("delete from users where id = @guestId and role = 'GUEST'", both);
    }
}
