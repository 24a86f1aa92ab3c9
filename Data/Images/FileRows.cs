using System.Data.Common;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Images;

/// <summary>Which image files the rows of images, users and settings refer to.</summary>
internal sealed class FileRows(Db db)
{
    /// <summary>The key of the settings with the file of the assistant's picture.</summary>
    public const string AssistantAvatar = "internal.assistant_avatar";

    /// <summary>The key of the settings with the file of the installation's logo.</summary>
    public const string Logo = "internal.logo";

    public Task<bool> Any() => db.Read(connection => connection.ExecuteScalar<bool>("""
        select exists (select 1 from images)
            or exists (select 1 from users where avatar_file is not null)
            or exists (select 1 from settings where key in (@AssistantAvatar, @Logo))
        """, new { AssistantAvatar, Logo }));

    /// <summary>All files that rows refer to.</summary>
    public static List<string> Named(DbConnection connection) => connection.Query<string>("""
        select file from images
        union
        select avatar_file from users where avatar_file is not null
        union
        select value from settings where key in (@AssistantAvatar, @Logo)
        order by 1
        """, new { AssistantAvatar, Logo }).ToList();

    /// <summary>Files that no row refers to any more.</summary>
    public Task<List<string>> Doomed(int limit) => db.Read(connection => connection.Query<string>("""
        select file from doomed_files order by file limit @limit
        """, new { limit }).ToList());

    /// <summary>Removes files from the list after they were deleted from the disk.</summary>
    public Task Forget(IEnumerable<string> files)
    {
        var names = Names(files);
        return db.Write(connection =>
        {
            connection.Execute("delete from doomed_files where file in (select value from json_each(@names))", new { names });
        });
    }

    /// <summary>The files of a list that no row refers to.</summary>
    public Task<List<string>> Unknown(IEnumerable<string> files)
    {
        var names = Names(files);
        return db.Read(connection => connection.Query<string>("""
            select value
            from json_each(@names)
            where not exists (select 1 from images where file = value)
                and not exists (select 1 from users where avatar_file = value)
                and not exists (select 1 from settings where key in (@AssistantAvatar, @Logo) and settings.value = json_each.value)
            """, new { names, AssistantAvatar, Logo }).ToList());
    }

    /// <summary>A page of images by ascending id, after a given id.</summary>
    public Task<List<ImageRow>> Page(string afterId, int limit) => db.Read(connection => connection.Query<ImageRow>($"""
        select {ImageStore.Columns}
        from images
        where id > @afterId
        order by id
        limit @limit
        """, new { afterId, limit }).ToList());

    /// <summary>A page of images that are older than a moment, by the name of their file, after one name and up to another.</summary>
    public Task<List<ImageRow>> Between(string after, string end, DateTimeOffset before, int limit)
    {
        var at = before.ToUnixTimeMilliseconds();
        return db.Read(connection => connection.Query<ImageRow>($"""
            select {ImageStore.Columns}
            from images
            where file > @after and file <= @end and created_at < @at
            order by file
            limit @limit
            """, new { after, end, at, limit }).ToList());
    }

    public Task<int> DeleteImages(IEnumerable<string> ids)
    {
        var names = Names(ids);
        return db.Write(connection => connection.Execute("""
            delete from images where id in (select value from json_each(@names))
            """, new { names }));
    }

    /// <summary>A JSON list. Ids and file names consist of letters, digits, dots and slashes, so nothing needs escaping.</summary>
    private static string Names(IEnumerable<string> names) => $"[{string.Join(',', names.Select(name => $"\"{name}\""))}]";
}
