using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>All data of one user, for the account export.</summary>
internal sealed class AccountData(Db db)
{
    /// <summary>In order of creation, archived and temporary ones included.</summary>
    public Task<List<long>> SessionIds(long userId) => db.Read(connection => connection.Query<long>("""
        select id from sessions where user_id = @userId order by id
        """, new { userId }).ToList());

    public Task<List<OwnDraftRow>> Drafts(long userId) => db.Read(connection => connection.Query<OwnDraftRow>("""
        select session_id, content, updated_at
        from drafts
        where user_id = @userId
        order by updated_at, session_id
        limit 1000
        """, new { userId }).ToList());

    public Task<List<OwnImageRow>> Images(long userId) => db.Read(connection => connection.Query<OwnImageRow>("""
        select id, message_id, mime, width, height, bytes, created_at
        from images
        where user_id = @userId
        order by created_at, id
        limit 100000
        """, new { userId }).ToList());
}

internal sealed record OwnDraftRow
{
    public long? SessionId { get; init; }

    public string Content { get; init; } = "";

    public long UpdatedAt { get; init; }
}

internal sealed record OwnImageRow
{
    public string Id { get; init; } = "";

    public long? MessageId { get; init; }

    public string Mime { get; init; } = "";

    public int Width { get; init; }

    public int Height { get; init; }

    public long Bytes { get; init; }

    public long CreatedAt { get; init; }
}
