using System.Data.Common;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// What people do with their own account: register, sign in, change the password. See <see cref="UserAdmin"/> for administrators.
/// Every change invalidates <see cref="AuthCache"/> before it returns.
/// </summary>
internal sealed class Users(Db db, AuthCache authCache)
{
    /// <summary>Only a script would create more registrations that wait for approval.</summary>
    private const int MaxPending = 200;

    public const string Columns = """
        id, username, role, status, status_reason, daily_limit, unlimited, daily_token_budget, monthly_token_budget,
        daily_nanos_budget, monthly_nanos_budget, avatar_file, password_hash is not null as has_password, created_at
        """;

    /// <summary>Names are ASCII, so comparing them without case decides whether two are the same.</summary>
    public static string KeyOf(string username) => username.ToLowerInvariant();

    public Task<bool> AnyAccount() => db.Read(connection => connection.ExecuteScalar<bool>("""
        select exists (select 1 from users where role <> 'GUEST')
        """));

    public Task<UserRow?> Find(long id) => db.Read<UserRow?>(connection => connection.QuerySingleOrDefault<UserRow>($"""
        select {Columns}
        from users
        where id = @id and role <> 'GUEST'
        """, new { id }));

    public Task<UserCredentialRow?> FindCredential(string username)
    {
        var key = KeyOf(username);
        return db.Read<UserCredentialRow?>(connection => connection.QuerySingleOrDefault<UserCredentialRow>("""
            select id, status, status_reason, password_hash, one_time_code_hash
            from users
            where username_key = @key
            """, new { key }));
    }

    public Task<UserCredentialRow?> FindCredential(long id) => db.Read<UserCredentialRow?>(connection =>
        connection.QuerySingleOrDefault<UserCredentialRow>("""
            select id, status, status_reason, password_hash, one_time_code_hash
            from users
            where id = @id
            """, new { id }));

    /// <summary>The first account becomes the administrator; of two registrations at the same moment only one does.</summary>
    /// <param name="mayBeFirst">The caller gave the setup code.</param>
    /// <param name="open">Others may register.</param>
    public Task<(Registration Outcome, long Id)> Register(
        string username, string passwordHash, bool mayBeFirst, bool open, string ip, DateTimeOffset now)
    {
        var key = KeyOf(username);
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Accounts);
            if (mayBeFirst && InsertFirst(connection, username, key, passwordHash, at) is { } first)
            {
                AuditLog.Append(connection, new AuditEntry(first, "setup.first_admin", $"user:{first}", ip), now);
                return (Registration.First, first);
            }

            var outcome = Refusal(connection, open);
            if (outcome is not null)
            {
                return (outcome.Value, 0);
            }

            if (InsertPending(connection, username, key, passwordHash, at) is not { } id)
            {
                return (Registration.Taken, 0);
            }

            AuditLog.Append(connection, new AuditEntry(id, "user.register", $"user:{id}", ip), now);
            return (Registration.Pending, id);
        });
    }

    /// <summary>Ends the user's other logins and all access tokens; the caller issues new tokens for the login that stays.</summary>
    /// <param name="expectedHash">The hash that the current password matched; null when there was no password to check.</param>
    /// <returns>The new epoch, or null when the password changed meanwhile.</returns>
    public async Task<long?> ChangePassword(Caller caller, long keepLoginId, string? expectedHash, string newHash, DateTimeOffset now)
    {
        var userId = caller.UserId;
        var epoch = await db.Write(connection =>
        {
            var changed = connection.QuerySingleOrDefault<long?>("""
                update users
                set password_hash = @newHash, epoch = epoch + 1, one_time_code_hash = null, one_time_code_expires_at = null
                where id = @userId and status = 'ACTIVE' and password_hash is not distinct from @expectedHash
                returning epoch
                """, new { userId, newHash, expectedHash });
            if (changed is not null)
            {
                connection.Execute("""
                    delete from logins
                    where user_id = @userId and id <> @keepLoginId
                    """, new { userId, keepLoginId });
                AuditLog.Append(connection, new AuditEntry(userId, "user.password", $"user:{userId}", caller.Ip), now);
            }

            return changed;
        });
        authCache.UserRevoked(userId);
        return epoch;
    }

    /// <summary>Stores the same password with today's cost; no login ends.</summary>
    public Task<bool> Rehash(long userId, string expectedHash, string newHash) => db.Write(connection => connection.Execute("""
        update users
        set password_hash = @newHash
        where id = @userId and password_hash = @expectedHash
        """, new { userId, expectedHash, newHash }) == 1);

    /// <summary>True once, for the valid code.</summary>
    public Task<bool> UseOneTimeCode(long userId, string codeHash, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.Execute("""
            update users
            set one_time_code_hash = null, one_time_code_expires_at = null
            where id = @userId and one_time_code_hash = @codeHash and one_time_code_expires_at > @at
            """, new { userId, codeHash, at }) == 1);
    }

    private static long? InsertFirst(DbConnection connection, string username, string key, string hash, long at) =>
        connection.QuerySingleOrDefault<long?>("""
            insert into users (username, username_key, password_hash, role, status, approved_at, created_at)
            select @username, @key, @hash, 'ADMIN', 'ACTIVE', @at, @at
            where not exists (select 1 from users where role <> 'GUEST')
            returning id
            """, new { username, key, hash, at });

    private static long? InsertPending(DbConnection connection, string username, string key, string hash, long at) =>
        connection.QuerySingleOrDefault<long?>("""
            insert into users (username, username_key, password_hash, role, status, created_at)
            values (@username, @key, @hash, 'USER', 'PENDING', @at)
            on conflict (username_key) do nothing
            returning id
            """, new { username, key, hash, at });

    private static Registration? Refusal(DbConnection connection, bool open)
    {
        var counts = connection.QuerySingle<RegistrationCounts>("""
            select
                exists (select 1 from users where role <> 'GUEST') as any_account,
                (select count(*) from users where status = 'PENDING') as pending
            """);
        return !counts.AnyAccount ? Registration.NeedsSetupCode
            : !open ? Registration.Closed
            : counts.Pending >= MaxPending ? Registration.TooManyWaiting
            : null;
    }
}

internal sealed class RegistrationCounts
{
    public bool AnyAccount { get; init; }

    public long Pending { get; init; }
}
