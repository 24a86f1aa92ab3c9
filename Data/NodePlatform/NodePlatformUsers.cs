using System.Data.Common;
using System.Globalization;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.NodePlatform;

/// <summary>Writes the accounts of the Node.js platform. The same account again changes nothing.</summary>
internal sealed class NodePlatformUsers(Db db, AuthCache authCache)
{
    private const string Kind = "user";

    /// <summary>What a name has at most.</summary>
    private const int MaxName = 64;

    /// <param name="merge">An account of the same name that is here is the same person.</param>
    /// <param name="dryRun">Tells what would be done and changes nothing.</param>
    public async Task<List<PlacedUser>> Place(
        IReadOnlyList<NodePlatformUser> users, bool merge, bool dryRun, string ip, DateTimeOffset now)
    {
        var names = users.Select(user => user.Username).ToHashSet(StringComparer.Ordinal);
        var placed = await Try(users, dryRun, (connection, user) => Place(connection, user, names, merge, ip, now));
        placed.ForEach(user => authCache.UserChanged(user.Id ?? 0));
        return placed;
    }

    /// <summary>People without an account go on as guests here: their browser names itself by the same secret.</summary>
    public Task<List<PlacedUser>> PlaceGuests(
        IReadOnlyList<NodePlatformGuest> guests, bool dryRun, DateTimeOffset expires, DateTimeOffset now)
    {
        var (at, expiresAt) = (now.ToUnixTimeMilliseconds(), expires.ToUnixTimeMilliseconds());
        return Try(guests, dryRun, (connection, guest) =>
        {
            if (ImportedRows.Find(connection, "guest", guest.TokenHash) is { } known)
            {
                var id = connection.QuerySingleOrDefault<long?>("select id from users where id = @Id", new { known.Id });
                return new PlacedUser(guest.Key, id is null ? UserPlace.Deleted : UserPlace.Present, id, "");
            }

            var added = connection.QuerySingleOrDefault<long?>("""
                insert into users (role, status, guest_token_hash, expires_at, created_at)
                values ('GUEST', 'ACTIVE', @TokenHash, @expiresAt, @at)
                on conflict (guest_token_hash) do nothing
                returning id
                """, new { guest.TokenHash, expiresAt, at });
            ImportedRows.Add(connection, "guest", guest.TokenHash, added);
            return new PlacedUser(guest.Key, added is null ? UserPlace.Taken : UserPlace.Added, added, "");
        });
    }

    /// <summary>Gives an account the picture it had, unless it has one. False when it has, or had one by an earlier import.</summary>
    public async Task<bool> SetAvatar(long userId, string key, string file)
    {
        var set = await db.Write(connection => ImportedRows.Add(connection, "avatar", key, userId) && connection.Execute("""
            update users set avatar_file = @file where id = @userId and avatar_file is null and role <> 'GUEST'
            """, new { userId, file }) == 1);
        authCache.UserChanged(userId);
        return set;
    }

    private async Task<List<PlacedUser>> Try<T>(IReadOnlyList<T> people, bool dryRun, Func<DbConnection, T, PlacedUser> place)
    {
        List<PlacedUser> placed = [];
        try
        {
            await db.Write(connection =>
            {
                placed = [.. people.Select(one => place(connection, one))];
                if (dryRun)
                {
                    throw new DryRunException();
                }
            });
            return placed;
        }
        catch (DryRunException)
        {
            return placed.ConvertAll(one => one.Place is UserPlace.Added or UserPlace.Renamed ? one with { Id = null } : one);
        }
    }

    /// <param name="names">Of all accounts that come.</param>
    private static PlacedUser Place(
        DbConnection connection, NodePlatformUser user, HashSet<string> names, bool merge, string ip, DateTimeOffset now)
    {
        if (ImportedRows.Find(connection, Kind, user.Key) is { } known)
        {
            var name = known.Id is { } id ? NameOf(connection, id) : null;
            return name is null
                ? new PlacedUser(user.Key, UserPlace.Deleted, null, user.Username)
                : new PlacedUser(user.Key, UserPlace.Present, known.Id, name);
        }

        if (Holder(connection, user.Username) is { } holder && !IsSomebodyElse(user, NameOf(connection, holder), names))
        {
            if (!merge)
            {
                return new PlacedUser(user.Key, UserPlace.Taken, null, user.Username);
            }

            ImportedRows.Add(connection, Kind, user.Key, holder);
            Record(connection, "user.import_merge", holder, user.Username, ip, now);
            return new PlacedUser(user.Key, UserPlace.Merged, holder, NameOf(connection, holder)!);
        }

        var free = FreeName(connection, user.Username);
        var added = Insert(connection, user, free, now);
        ImportedRows.Add(connection, Kind, user.Key, added);
        Record(connection, "user.import", added, $"{free}, {user.Role}, {user.Status}", ip, now);
        return new PlacedUser(user.Key, free == user.Username ? UserPlace.Added : UserPlace.Renamed, added, free);
    }

    /// <summary>Of two people whose names differ only in case, the one who is spelled like the account here is that person.</summary>
    private static bool IsSomebodyElse(NodePlatformUser user, string? here, HashSet<string> names) =>
        here is not null && names.Contains(here) ? user.Username != here : user.IsNamesake;

    private static long Insert(DbConnection connection, NodePlatformUser user, string username, DateTimeOffset now)
    {
        var key = Users.KeyOf(username);
        var at = now.ToUnixTimeMilliseconds();
        return connection.QuerySingle<long>("""
            insert into users (username, username_key, password_hash, role, status, status_reason, daily_limit, unlimited, preferences,
                approved_at, created_at)
            values (@username, @key, @Hash, @Role, @Status, @Reason, @limit, @unlimited, @Preferences, @ApprovedAt, @created)
            returning id
            """, new
        {
            username,
            key,
            user.Hash,
            user.Role,
            user.Status,
            user.Reason,
            limit = user.DailyLimit is >= 0 ? user.DailyLimit : null,
            unlimited = user.DailyLimit < 0,
            user.Preferences,
            user.ApprovedAt,
            created = Math.Min(user.CreatedAt ?? at, at),
        });
    }

    private static string? NameOf(DbConnection connection, long id) => connection.QuerySingleOrDefault<string?>("""
        select username from users where id = @id and role <> 'GUEST'
        """, new { id });

    private static long? Holder(DbConnection connection, string username)
    {
        var key = Users.KeyOf(username);
        return connection.QuerySingleOrDefault<long?>("select id from users where username_key = @key", new { key });
    }

    /// <summary>The name, or the first free one of name_2, name_3 and so on.</summary>
    private static string FreeName(DbConnection connection, string username)
    {
        var free = username;
        for (var n = 2; Holder(connection, free) is not null; n++)
        {
            var number = "_" + n.ToString(CultureInfo.InvariantCulture);
            free = username[..Math.Min(username.Length, MaxName - number.Length)] + number;
        }

        return free;
    }

    private static void Record(DbConnection connection, string action, long id, string detail, string ip, DateTimeOffset now) =>
        AuditLog.Append(connection, new AuditEntry(null, action, $"user:{id}", ip, detail), now);

    /// <summary>Undoes the write that tells what would be done.</summary>
    private sealed class DryRunException : Exception;
}
