using System.Data.Common;
using System.Security.Cryptography;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Images;

/// <summary>Rows of images. Every call names the owner unless it says otherwise; the files are in <see cref="ImageFiles"/>.</summary>
internal sealed class ImageStore(Db db)
{
    /// <summary>The columns of an <see cref="ImageRow"/>.</summary>
    internal const string Columns = "id, message_id, mime, width, height, bytes, file";

    /// <summary>A file occupies at least one block of the disk.</summary>
    internal const long Block = 4_096;

    /// <summary>An id that nobody can guess.</summary>
    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>Adds an image. False when it would exceed the owner's share of the disk.</summary>
    /// <param name="share">Bytes that all images of this owner may take.</param>
    public Task<bool> Insert(long userId, StoredImage image, long share, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, userId);
            return connection.Execute("""
                insert into images (id, user_id, mime, width, height, bytes, file, created_at)
                select @Id, @userId, @Mime, @Width, @Height, @Bytes, @File, @at
                where (select coalesce(sum(case when bytes > @Block then bytes else @Block end), 0) from images where user_id = @userId)
                    + case when @Bytes > @Block then @Bytes else @Block end <= @share
                """, new { image.Id, userId, image.Mime, image.Width, image.Height, image.Bytes, image.File, at, Block, share }) == 1;
        });
    }

    public Task<long> BytesOf(long userId) => db.Read(connection => connection.ExecuteScalar<long>("""
        select coalesce(sum(case when bytes > @Block then bytes else @Block end), 0) from images where user_id = @userId
        """, new { userId, Block }));

    public Task<ImageRow?> Find(long userId, string id) => db.Read<ImageRow?>(connection => connection.QuerySingleOrDefault<ImageRow>($"""
        select {Columns}
        from images
        where id = @id and user_id = @userId
        """, new { id, userId }));

    /// <summary>An image of any owner, for the holder of a link that this server signed.</summary>
    public Task<ImageRow?> FindSigned(string id) => db.Read<ImageRow?>(connection => connection.QuerySingleOrDefault<ImageRow>($"""
        select {Columns}
        from images
        where id = @id and user_id is not null
        """, new { id }));

    public Task<bool> Delete(long userId, string id) => db.Write(connection =>
        connection.Execute("delete from images where id = @id and user_id = @userId", new { id, userId }) == 1);

    /// <summary>The images of these messages, in their order on each message.</summary>
    public Task<ILookup<long, ImageRow>> FindByMessages(long userId, IEnumerable<long> messageIds)
    {
        var ids = $"[{string.Join(',', messageIds)}]";
        return ids.Length == 2
            ? Task.FromResult(Enumerable.Empty<ImageRow>().ToLookup(row => 0L))
            : db.Read(connection => FindByMessages(connection, userId, ids).ToLookup(row => row.MessageId ?? 0));
    }

    /// <summary>The newest image of a user, and the number of all images.</summary>
    public Task<(string? Newest, long Count)> Sample(long userId) => db.Read(connection => (
        connection.QueryFirstOrDefault<string?>("""
            select id from images where user_id = @userId order by created_at desc, id desc limit 1
            """, new { userId }),
        connection.ExecuteScalar<long>("select count(*) from images")));

    private static List<ImageRow> FindByMessages(DbConnection connection, long userId, string ids) => connection.Query<ImageRow>($"""
        select {Columns}
        from images
        where +user_id = @userId -- by the messages, not all of the user's
            and message_id in (select cast(value as bigint) from json_each(@ids))
        order by message_id, position
        limit 20000
        """, new { userId, ids }).ToList();
}

internal sealed record ImageRow
{
    public string Id { get; init; } = "";

    public long? MessageId { get; init; }

    public string Mime { get; init; } = "";

    public int Width { get; init; }

    public int Height { get; init; }

    public long Bytes { get; init; }

    /// <summary>The file's name in the folder of images.</summary>
    public string File { get; init; } = "";
}
