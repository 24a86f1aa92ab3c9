using System.Data.Common;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>
/// Links that let anybody read a session up to the answer that was last when the link was created, in the state it had then. A session
/// has at most one link. A link ends when it expires and when its session or that answer is deleted.
/// </summary>
internal sealed class Shares(Db db)
{
    /// <summary>Creates the link, or moves the existing one to the present end of the session.</summary>
    /// <returns>The link, or null with the reason.</returns>
    public Task<(ShareRow? Share, bool Found)> Put(Caller caller, long sessionId, NewShare share, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, caller.UserId);
            if (Sessions.Find(connection, caller.UserId, sessionId) is not { } session)
            {
                return ((ShareRow?)null, false);
            }

            SealedTexts.Require(connection, share.SealedToken);

            // Counted here in UTF-16 units, in which the text is cut later; SQLite counts code points.
            var last = connection.QueryFirstOrDefault<SharedEnd>("""
                select content, status from messages where id = @LeafId and session_id = @Id and status <> 'streaming'
                """, new { session.LeafId, session.Id });
            if (last is null)
            {
                return (null, true);
            }

            connection.Execute("""
                insert into shares (token, sealed_token, session_id, user_id, leaf_id, leaf_length, leaf_status, expires_at, created_at)
                values (@TokenHash, @SealedToken, @sessionId, @UserId, @LeafId, @Length, @Status, @ExpiresAt, @at)
                on conflict (session_id) do update set leaf_id = excluded.leaf_id, leaf_length = excluded.leaf_length,
                    leaf_status = excluded.leaf_status, expires_at = excluded.expires_at
                """, new
            {
                share.TokenHash,
                share.SealedToken,
                sessionId,
                caller.UserId,
                session.LeafId,
                last.Content.Length,
                last.Status,
                share.ExpiresAt,
                at,
            });
            AuditLog.Append(connection, new AuditEntry(caller.UserId, "share.create", $"session:{sessionId}", caller.Ip), now);
            return (Find(connection, caller.UserId, sessionId), true);
        });
    }

    public Task<ShareRow?> Find(long userId, long sessionId) => db.Read(connection => Find(connection, userId, sessionId));

    /// <summary>The user's links with the titles of their sessions, newest first.</summary>
    public Task<List<OwnShareRow>> List(long userId, int skip, int take) => db.Read(connection => connection.Query<OwnShareRow>("""
        select h.token, h.sealed_token, h.session_id, h.expires_at, h.created_at, s.title
        from shares h
        join sessions s on s.id = h.session_id
        where h.user_id = @userId
        order by h.created_at desc, h.session_id desc
        limit @take offset @skip
        """, new { userId, skip, take }).ToList());

    public Task<bool> Delete(Caller caller, long sessionId, DateTimeOffset now) => db.Write(connection =>
    {
        var deleted = connection.Execute("""
            delete from shares where session_id = @sessionId and user_id = @UserId
            """, new { sessionId, caller.UserId }) == 1;
        if (deleted)
        {
            AuditLog.Append(connection, new AuditEntry(caller.UserId, "share.delete", $"session:{sessionId}", caller.Ip), now);
        }

        return deleted;
    });

    /// <summary>The shared session of a token. Null when the token is unknown, revoked or expired, or its owner is not active.</summary>
    public Task<SharedSession?> Open(string tokenHash, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Read(connection => connection.QueryFirstOrDefault<SharedSession>("""
            select s.id, s.user_id, s.title, h.leaf_id, h.leaf_length, h.leaf_status, h.expires_at, h.created_at
            from shares h
            join sessions s on s.id = h.session_id
            join users u on u.id = h.user_id and u.status = 'ACTIVE'
            where h.token = @tokenHash and (h.expires_at is null or h.expires_at > @at)
            """, new { tokenHash, at }));
    }

    private static ShareRow? Find(DbConnection connection, long userId, long sessionId) => connection.QueryFirstOrDefault<ShareRow>("""
        select token, sealed_token, leaf_id, expires_at, created_at
        from shares
        where session_id = @sessionId and user_id = @userId
        """, new { sessionId, userId });
}

/// <summary>The token as a digest for the lookup and encrypted for its owner.</summary>
internal sealed record NewShare(string TokenHash, string SealedToken, long? ExpiresAt);

internal sealed record ShareRow
{
    /// <summary>SHA-256 of the token.</summary>
    public string Token { get; init; } = "";

    public string SealedToken { get; init; } = "";

    public long LeafId { get; init; }

    public long? ExpiresAt { get; init; }

    public long CreatedAt { get; init; }
}

internal sealed record OwnShareRow
{
    /// <summary>SHA-256 of the token.</summary>
    public string Token { get; init; } = "";

    public string SealedToken { get; init; } = "";

    public long SessionId { get; init; }

    public long? ExpiresAt { get; init; }

    public long CreatedAt { get; init; }

    public string Title { get; init; } = "";
}

internal sealed record SharedSession
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string Title { get; init; } = "";

    public long LeafId { get; init; }

    public long? LeafLength { get; init; }

    public string? LeafStatus { get; init; }

    public long? ExpiresAt { get; init; }

    public long CreatedAt { get; init; }
}

internal sealed record SharedEnd
{
    public string Content { get; init; } = "";

    public string Status { get; init; } = "";
}
