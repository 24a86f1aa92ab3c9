using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>
/// Deletes expired rows, oldest first, at most <c>limit</c> a call so that the writer is never blocked for long. What belongs to a chat
/// or a guest is left to <see cref="Removal"/>.
/// </summary>
internal sealed class Expiry(Db db)
{
    /// <summary>Uploaded images that were never sent.</summary>
    public Task<int> UnattachedImages(DateTimeOffset before, int limit)
    {
        var at = before.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.Execute("""
            delete from images
            where id in (select id from images where created_at < @at and message_id is null order by created_at limit @limit)
            """, new { at, limit }));
    }

    /// <summary>All images; their messages stay.</summary>
    public Task<int> Images(DateTimeOffset before, int limit)
    {
        var at = before.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.Execute("""
            delete from images
            where id in (select id from images where created_at < @at order by created_at limit @limit)
            """, new { at, limit }));
    }

    /// <summary>Temporary chats without activity since then, except those with a running answer.</summary>
    public Task<int> TemporarySessions(DateTimeOffset before, int limit)
    {
        var at = before.ToUnixTimeMilliseconds();
        return db.Write(connection => Removal.Begin(connection, connection.Query<long>("""
            select s.id
            from sessions s
            where s.temporary = true and s.updated_at < @at and s.user_id is not null
                and not exists (select 1 from runs r where r.session_id = s.id and r.status = 'running')
            order by s.updated_at
            limit @limit
            """, new { at, limit }).ToList()));
    }

    /// <summary>Expired guests with all their data.</summary>
    /// <returns>Their ids.</returns>
    public Task<List<long>> Guests(DateTimeOffset now, int limit)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.Query<long>("""
            delete from users
            where id in (
                select u.id
                from users u
                where u.expires_at <= @at and u.role = 'GUEST'
                    and u.id not in (select r.user_id from runs r where r.status = 'running')
                order by u.expires_at
                limit @limit)
            returning id
            """, new { at, limit }).ToList());
    }

    /// <summary>The given ids whose users no longer exist.</summary>
    public Task<List<long>> GoneUsers(IEnumerable<long> userIds)
    {
        var ids = $"[{string.Join(',', userIds)}]";
        return db.Read(connection => connection.Query<long>("""
            select cast(value as bigint)
            from json_each(@ids)
            where not exists (select 1 from users u where u.id = cast(value as bigint))
            """, new { ids }).ToList());
    }

    public Task<int> Shares(DateTimeOffset now, int limit)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.Execute("""
            delete from shares
            where token in (select token from shares where expires_at <= @at order by expires_at limit @limit)
            """, new { at, limit }));
    }
}
