using System.Data.Common;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// Signed-in devices. A refresh token is a fixed part that finds the login and a part that changes with every use; only their
/// hashes are stored. An outdated changing part with a valid fixed part means a stolen or copied token, and ends the login.
/// </summary>
internal sealed class Logins(Db db, AuthCache authCache)
{
    public static readonly TimeSpan Idle = TimeSpan.FromDays(7);

    /// <summary>Two tabs may refresh with the same token at the same time, so the previous token stays valid for a moment.</summary>
    private static readonly TimeSpan PreviousHonoured = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan MaxLength = TimeSpan.FromDays(30);

    /// <summary>Logins of one user; the one unused for longest is ended for a new one.</summary>
    private const int MaxPerUser = 100;

    private const int MaxUserAgent = 200;

    /// <summary>Lifetime of a login that a full disk did not store: that of an access token, because it cannot be renewed.</summary>
    private static readonly TimeSpan UnrecordedLife = TimeSpan.FromMinutes(10);

    /// <summary>Opens a login with its audit row for an active user; on a full disk without either, so people can still read.</summary>
    /// <returns>Null when the user is not active or has another password than the one that was checked.</returns>
    public async Task<OpenedLogin?> Insert(NewLogin login, DateTimeOffset now)
    {
        try
        {
            return await Record(login, now);
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            if (await OpenUnrecorded(login, now) is { } opened)
            {
                return opened;
            }

            throw;
        }
    }

    private async Task<OpenedLogin?> Record(NewLogin login, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var expires = (now + Idle).ToUnixTimeMilliseconds();
        var userId = login.UserId;
        var agent = login.UserAgent.Length > MaxUserAgent ? login.UserAgent[..MaxUserAgent] : login.UserAgent;
        var (opened, dropped) = await db.Write(connection =>
        {
            RowLock.User(connection, userId);
            var inserted = connection.QuerySingleOrDefault<long?>("""
                insert into logins (user_id, kind, family_hash, refresh_hash, rotated_at, ip, user_agent, created_at, last_used_at,
                    expires_at)
                select id, @Kind, @FamilyHash, @RefreshHash, @at, @Ip, @agent, @at, @at, @expires
                from users
                where id = @userId and status = 'ACTIVE' and password_hash is not distinct from @PasswordHash
                returning id
                """, new { userId, login.Kind, login.FamilyHash, login.RefreshHash, login.PasswordHash, login.Ip, at, agent, expires });
            if (inserted is null)
            {
                return (null, []);
            }

            var epoch = connection.QuerySingle<long>("""
                select epoch
                from users
                where id = @userId
                """, new { userId });
            var surplus = connection.Query<long>("""
                delete from logins
                where id in (select id from logins where user_id = @userId order by last_used_at desc, id desc limit 1000 offset @keep)
                returning id
                """, new { userId, keep = MaxPerUser }).ToList();
            AuditLog.Append(connection, new AuditEntry(login.UserId, "login.ok", $"login:{inserted}", login.Ip), now);
            return ((OpenedLogin?)new OpenedLogin(inserted.Value, epoch), surplus);
        });
        dropped.ForEach(authCache.LoginEnded);
        return opened;
    }

    /// <summary>Exchanges the changing part of a refresh token, or returns why not. On a full disk the token stays as it is.</summary>
    public async Task<RotatedLogin> Rotate(string familyHash, string refreshHash, string newHash, string ip, DateTimeOffset now)
    {
        try
        {
            return await Exchange(familyHash, refreshHash, newHash, ip, now);
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            var at = now.ToUnixTimeMilliseconds();
            var row = await db.Read(connection => FindToken(connection, familyHash));
            return row is not null && row.ExpiresAt > at && (row.RefreshHash == refreshHash || IsPrevious(row, refreshHash, at))
                ? new RotatedLogin(Rotation.JustRotated, row.Id, row.UserId, row.Epoch)
                : new RotatedLogin(Rotation.Unknown, 0, 0, 0);
        }
    }

    private async Task<RotatedLogin> Exchange(string familyHash, string refreshHash, string newHash, string ip, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var result = await db.Write(connection =>
        {
            if (FindToken(connection, familyHash) is { } found)
            {
                RowLock.User(connection, found.UserId);
            }

            var row = FindToken(connection, familyHash);
            if (row is null || row.ExpiresAt <= at)
            {
                return new RotatedLogin(Rotation.Unknown, 0, 0, 0);
            }

            if (row.RefreshHash == refreshHash)
            {
                Exchange(connection, row, refreshHash, newHash, ip, now);
                return new RotatedLogin(Rotation.Rotated, row.Id, row.UserId, row.Epoch);
            }

            if (IsPrevious(row, refreshHash, at))
            {
                return new RotatedLogin(Rotation.JustRotated, row.Id, row.UserId, row.Epoch);
            }

            Delete(connection, row.UserId, row.Id);
            AuditLog.Append(connection, new AuditEntry(row.UserId, "login.replay", $"login:{row.Id}", ip), now);
            return new RotatedLogin(Rotation.Replayed, row.Id, row.UserId, 0);
        });
        Tell(result);
        return result;
    }

    public Task<List<LoginRow>> List(long userId, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Read(connection => connection.Query<LoginRow>("""
            select id, kind, ip, user_agent, created_at, last_used_at, expires_at
            from logins
            where user_id = @userId and expires_at > @at
            order by last_used_at desc, id desc
            limit 100
            """, new { userId, at }).ToList());
    }

    /// <returns>False when the user has no such login.</returns>
    public async Task<bool> End(Caller caller, long id, DateTimeOffset now)
    {
        if (AuthCache.IsUnrecorded(id))
        {
            authCache.LoginEnded(id);
            return true;
        }

        var ended = await db.Write(connection =>
        {
            var deleted = Delete(connection, caller.UserId, id);
            if (deleted)
            {
                AuditLog.Append(connection, new AuditEntry(caller.UserId, "login.end", $"login:{id}", caller.Ip), now);
            }

            return deleted;
        });
        authCache.LoginEnded(id);
        return ended;
    }

    /// <summary>Ends the login a refresh token belongs to, whichever of its tokens it is.</summary>
    public async Task EndFamily(string familyHash, string ip, DateTimeOffset now)
    {
        var row = await db.Read(connection => connection.QuerySingleOrDefault<LiveLogin>("""
            select id, user_id, expires_at
            from logins
            where family_hash = @familyHash
            """, new { familyHash }));
        if (row is not null)
        {
            await End(new Caller(row.UserId, ip), row.Id, now);
        }
    }

    /// <summary>Signs the user out on every device, this one included.</summary>
    public async Task EndAll(Caller caller, DateTimeOffset now)
    {
        var userId = caller.UserId;
        await db.Write(connection =>
        {
            connection.Execute("""
                delete from logins
                where user_id = @userId
                """, new { userId });
            connection.Execute("""
                update users
                set epoch = epoch + 1
                where id = @userId
                """, new { userId });
            AuditLog.Append(connection, new AuditEntry(userId, "login.end_all", $"user:{userId}", caller.Ip), now);
        });
        authCache.UserRevoked(userId);
    }

    /// <summary>Deletes expired logins and ends their streams.</summary>
    public async Task Sweep(DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var ended = await db.Write(connection => connection.Query<long>("""
            delete from logins
            where expires_at <= @at
            returning id
            """, new { at }).ToList());
        ended.ForEach(authCache.LoginEnded);
    }

    private async Task<OpenedLogin?> OpenUnrecorded(NewLogin login, DateTimeOffset now)
    {
        var (userId, passwordHash) = (login.UserId, login.PasswordHash);
        var epoch = await db.Read(connection => connection.QuerySingleOrDefault<long?>("""
            select epoch
            from users
            where id = @userId and status = 'ACTIVE' and password_hash is not distinct from @passwordHash
            """, new { userId, passwordHash }));
        return epoch is { } known && authCache.AddUnrecorded(userId, now, now + UnrecordedLife) is { } id
            ? new OpenedLogin(id, known, Recorded: false) : null;
    }

    private static LoginTokenRow? FindToken(DbConnection connection, string familyHash) =>
        connection.QuerySingleOrDefault<LoginTokenRow>("""
            select logins.id, user_id, refresh_hash, previous_hash, rotated_at, logins.created_at, logins.expires_at, users.epoch
            from logins
            join users on users.id = logins.user_id
            where family_hash = @familyHash and users.status = 'ACTIVE'
            """, new { familyHash });

    /// <summary>A clock that was set back does not extend the grace period.</summary>
    private static bool IsPrevious(LoginTokenRow row, string refreshHash, long at) =>
        row.PreviousHash == refreshHash && Math.Abs(at - row.RotatedAt) <= PreviousHonoured.TotalMilliseconds;

    private static void Exchange(DbConnection connection, LoginTokenRow row, string oldHash, string newHash, string ip, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var expires = Math.Min((now + Idle).ToUnixTimeMilliseconds(), row.CreatedAt + (long)MaxLength.TotalMilliseconds);
        connection.Execute("""
            update logins
            set refresh_hash = @newHash, previous_hash = @oldHash, rotated_at = @at, last_used_at = @at, expires_at = @expires, ip = @ip
            where id = @id and user_id = @userId
            """, new { id = row.Id, userId = row.UserId, oldHash, newHash, at, expires, ip });
    }

    private static bool Delete(DbConnection connection, long userId, long id) => connection.Execute("""
        delete from logins
        where id = @id and user_id = @userId
        """, new { id, userId }) == 1;

    private void Tell(RotatedLogin result)
    {
        switch (result.Outcome)
        {
            case Rotation.Rotated:
                authCache.LoginExtended(result.LoginId);
                break;
            case Rotation.Replayed:
                authCache.LoginEnded(result.LoginId);
                break;
            default:
                break;
        }
    }
}

/// <summary>Kind is "browser" or "api"; PasswordHash is the hash that the password matched, null after a one-time code.</summary>
internal sealed record NewLogin(
    long UserId, string Kind, string FamilyHash, string RefreshHash, string? PasswordHash, string Ip, string UserAgent);

/// <summary>Recorded is false when the disk is full and only this process knows of it.</summary>
internal readonly record struct OpenedLogin(long Id, long Epoch, bool Recorded = true);

internal enum Rotation
{
    Rotated,

    /// <summary>The token before the current one, moments after the exchange.</summary>
    JustRotated,

    /// <summary>An older one: the login has been ended.</summary>
    Replayed,
    Unknown,
}

internal readonly record struct RotatedLogin(Rotation Outcome, long LoginId, long UserId, long Epoch);

internal sealed class LoginTokenRow
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string RefreshHash { get; init; } = "";

    public string? PreviousHash { get; init; }

    public long RotatedAt { get; init; }

    public long CreatedAt { get; init; }

    public long ExpiresAt { get; init; }

    public long Epoch { get; init; }
}

internal sealed class LoginRow
{
    public long Id { get; init; }

    public string Kind { get; init; } = "";

    public string Ip { get; init; } = "";

    public string UserAgent { get; init; } = "";

    public long CreatedAt { get; init; }

    public long LastUsedAt { get; init; }

    public long ExpiresAt { get; init; }
}
