using System.Data.Common;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// The changes that administrators make to accounts. Each checks in its own write that the actor still is an administrator and, in its
/// WHERE, that an active administrator remains. It invalidates <see cref="AuthCache"/> before it returns.
/// </summary>
internal sealed class UserAdmin(Db db, AuthCache authCache)
{
    private const string AnotherAdmin =
        "exists (select 1 from users as other where other.role = 'ADMIN' and other.status = 'ACTIVE' and other.id <> users.id)";

    /// <summary>Newest first, with ids below <paramref name="before"/>; both filters may be null.</summary>
    public Task<List<UserRow>> List(string? search, string? status, long before, int limit)
    {
        var key = search is null ? null : LikePattern.Containing(Users.KeyOf(search));
        return db.Read(connection => connection.Query<UserRow>($"""
            select {Users.Columns}
            from users
            where role <> 'GUEST' and id < @before
                and (cast(@status as text) is null or status = @status)
                and (cast(@key as text) is null or username_key like @key escape '\')
            order by id desc
            limit @limit
            """, new { before, status, key, limit }).ToList());
    }

    /// <returns>Done with the id, or with null when the name is taken; or Forbidden, or LastAdmin when there is none yet.</returns>
    public Task<(UserChange Outcome, long? Id)> Create(
        Caller caller, string username, string role, string codeHash, DateTimeOffset codeExpires, DateTimeOffset now)
    {
        var key = Users.KeyOf(username);
        var at = now.ToUnixTimeMilliseconds();
        var expires = codeExpires.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Accounts);
            if (!IsAdmin(connection, caller))
            {
                return (UserChange.Forbidden, (long?)null);
            }

            if (role != "ADMIN" && !AnyAdmin(connection))
            {
                return (UserChange.LastAdmin, null); // by the operator, before there is an administrator
            }

            var id = connection.QuerySingleOrDefault<long?>("""
                insert into users (username, username_key, role, status, one_time_code_hash, one_time_code_expires_at, approved_by,
                    approved_at, created_at)
                values (@username, @key, @role, 'ACTIVE', @codeHash, @expires, @actorId, @at, @at)
                on conflict (username_key) do nothing
                returning id
                """, new { username, key, role, codeHash, expires, actorId = caller.ActorId, at });
            if (id is not null)
            {
                AuditLog.Append(connection, new AuditEntry(caller.ActorId, "user.create", $"user:{id}", caller.Ip, role), now);
            }

            return (UserChange.Done, id);
        });
    }

    public Task<UserChange> Approve(Caller caller, long id, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return Change(caller, id, new Step("user.approve", null, UserChange.WrongState), now, connection => connection.Execute("""
            update users
            set status = 'ACTIVE', status_reason = null, approved_by = @actorId, approved_at = @at
            where id = @id and status = 'PENDING'
            """, new { id, actorId = caller.ActorId, at }));
    }

    public Task<UserChange> Reject(Caller caller, long id, string? reason, DateTimeOffset now) =>
        Change(caller, id, new Step("user.reject", null, UserChange.WrongState), now, connection => connection.Execute("""
            update users
            set status = 'DISABLED', status_reason = @reason, epoch = epoch + 1
            where id = @id and status = 'PENDING'
            """, new { id, reason }));

    public Task<UserChange> SetRole(Caller caller, long id, string role, DateTimeOffset now) =>
        Change(caller, id, new Step("user.role", role, UserChange.LastAdmin), now, connection => connection.Execute($"""
            update users
            set role = @role, epoch = epoch + case when role <> @role then 1 else 0 end
            where id = @id and role <> 'GUEST' and (@role = 'ADMIN' or role <> 'ADMIN' or status <> 'ACTIVE' or {AnotherAdmin})
            """, new { id, role }));

    /// <summary>Disabling ends every login at once.</summary>
    public Task<UserChange> SetStatus(Caller caller, long id, string status, string? reason, DateTimeOffset now) =>
        Change(caller, id, new Step("user.status", status, UserChange.LastAdmin), now, connection =>
        {
            var changed = connection.Execute($"""
                update users
                set status = @status, status_reason = @reason, epoch = epoch + case when status <> @status then 1 else 0 end
                where id = @id and role <> 'GUEST' and (@status = 'ACTIVE' or role <> 'ADMIN' or status <> 'ACTIVE' or {AnotherAdmin})
                """, new { id, status, reason });
            if (changed == 1 && status != "ACTIVE")
            {
                EndLogins(connection, id);
            }

            return changed;
        });

    public Task<UserChange> SetQuota(Caller caller, long id, UserLimits limits, DateTimeOffset now)
    {
        var day = UtcDay.From(now);
        return Change(caller, id, new Step("user.quota", limits.Told(), UserChange.NotFound, Revokes: false), now, connection =>
        {
            if (limits.ResetUsed)
            {
                connection.Execute("""
                    update daily_usage
                    set messages = 0
                    where user_id = @id and day = @day
                    """, new { id, day });
            }

            return connection.Execute("""
                update users
                set daily_limit = @DailyLimit, unlimited = @Unlimited,
                    daily_token_budget = case when @SetsDailyTokens then @DailyTokens else daily_token_budget end,
                    monthly_token_budget = case when @SetsMonthlyTokens then @MonthlyTokens else monthly_token_budget end,
                    daily_nanos_budget = case when @SetsDailyNanos then @DailyNanos else daily_nanos_budget end,
                    monthly_nanos_budget = case when @SetsMonthlyNanos then @MonthlyNanos else monthly_nanos_budget end
                where id = @id and role <> 'GUEST'
                """, new
            {
                id,
                limits.DailyLimit,
                limits.Unlimited,
                limits.SetsDailyTokens,
                limits.DailyTokens,
                limits.SetsMonthlyTokens,
                limits.MonthlyTokens,
                limits.SetsDailyNanos,
                limits.DailyNanos,
                limits.SetsMonthlyNanos,
                limits.MonthlyNanos,
            });
        });
    }

    /// <summary>Invalidates the old password and ends all logins.</summary>
    public Task<UserChange> ResetPassword(Caller caller, long id, string codeHash, DateTimeOffset codeExpires, DateTimeOffset now)
    {
        var expires = codeExpires.ToUnixTimeMilliseconds();
        return Change(caller, id, new Step("user.reset_password", null, UserChange.NotFound), now, connection =>
        {
            EndLogins(connection, id);
            return connection.Execute("""
                update users
                set password_hash = null, one_time_code_hash = @codeHash, one_time_code_expires_at = @expires, epoch = epoch + 1
                where id = @id and role <> 'GUEST'
                """, new { id, codeHash, expires });
        });
    }

    /// <summary>Deletes the account with all its data.</summary>
    public Task<UserChange> Delete(Caller caller, long id, DateTimeOffset now) =>
        Change(caller, id, new Step("user.delete", null, UserChange.LastAdmin), now, connection => connection.Execute($"""
            delete from users
            where id = @id and role <> 'GUEST' and (role <> 'ADMIN' or status <> 'ACTIVE' or {AnotherAdmin})
            """, new { id }));

    /// <summary>As <see cref="Delete"/>, requested by the user.</summary>
    public async Task<UserChange> DeleteSelf(Caller caller, DateTimeOffset now)
    {
        var outcome = await db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Accounts);
            var username = connection.QuerySingleOrDefault<string>("""
                select username
                from users
                where id = @UserId and role <> 'GUEST'
                """, new { caller.UserId });
            if (username is null)
            {
                return UserChange.NotFound;
            }

            if (connection.Execute($"""
                delete from users
                where id = @UserId and (role <> 'ADMIN' or status <> 'ACTIVE' or {AnotherAdmin})
                """, new { caller.UserId }) == 0)
            {
                return UserChange.LastAdmin;
            }

            AuditLog.Append(
                connection, new AuditEntry(caller.UserId, "account.delete", $"user:{caller.UserId} {username}", caller.Ip), now);
            return UserChange.Done;
        });
        authCache.UserRevoked(caller.UserId);
        return outcome;
    }

    private async Task<UserChange> Change(Caller caller, long id, Step step, DateTimeOffset now, Func<DbConnection, int> change)
    {
        var outcome = await db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Accounts);
            if (!IsAdmin(connection, caller))
            {
                return UserChange.Forbidden;
            }

            var username = connection.QuerySingleOrDefault<string>("""
                select username
                from users
                where id = @id and role <> 'GUEST'
                """, new { id });
            if (username is null)
            {
                return UserChange.NotFound;
            }

            if (change(connection) != 1)
            {
                return step.Refused;
            }

            // The entry holds the name, because the row may be deleted by the time it is read.
            AuditLog.Append(connection, new AuditEntry(caller.ActorId, step.Action, $"user:{id} {username}", caller.Ip, step.Detail), now);
            return UserChange.Done;
        });
        if (step.Revokes)
        {
            authCache.UserRevoked(id);
        }
        else
        {
            authCache.UserChanged(id);
        }

        return outcome;
    }

    private static bool IsAdmin(DbConnection connection, Caller caller) => caller.IsOperator || connection.ExecuteScalar<bool>("""
        select exists (select 1 from users where id = @UserId and role = 'ADMIN' and status = 'ACTIVE')
        """, new { caller.UserId });

    private static bool AnyAdmin(DbConnection connection) => connection.ExecuteScalar<bool>("""
        select exists (select 1 from users where role = 'ADMIN' and status = 'ACTIVE')
        """);

    private static int EndLogins(DbConnection connection, long userId) => connection.Execute("""
        delete from logins
        where user_id = @userId
        """, new { userId });

    /// <summary>The outcome when the statement changed no row although the user exists.</summary>
    private readonly record struct Step(string Action, string? Detail, UserChange Refused, bool Revokes = true);
}
