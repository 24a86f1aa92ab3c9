using AiChat.Data.Backups;
using AiChat.Data.Sqlite;

namespace AiChat.Tests.Torture;

/// <summary>What a stopped server's folder holds, in words that can be compared.</summary>
internal static class HeldState
{
    /// <summary>What a deleted chat leaves for a while does not count.</summary>
    private const string Words = """
        with kept as (select m.* from messages m join sessions s on s.id = m.session_id where s.user_id is not null),
        words (word) as (
            select 'account ' || username from users where username is not null
            union all select 'chat ' || u.username || ': ' || title from sessions s join users u on u.id = s.user_id
            union all select role || ' ' || status || ': ' || content || coalesce(
                ' below ' || (select content from kept p where p.id = m.parent_id), '') from kept m
            union all select 'image of ' || coalesce((select content from kept m where m.id = message_id), 'nothing') from images
            union all select 'usage ' || prompt_tokens || '+' || completion_tokens from usage_entries
            union all select 'used ' || day || ' ' || messages || ' ' || tokens from daily_usage
            union all select 'connection ' || base_url from connections
            union all select 'setting ' || key from settings where key = 'brandText')
        select coalesce(group_concat(line, char(10)), '') from (
            select word || iif(count(*) = 1, '', ' ' || count(*) || ' times') as line from words group by word order by word)
        """;

    /// <summary>Accounts, chats, messages with what they answer, images, usage; and that the file of each image is there.</summary>
    public static string Of(string folder, string database = "app.db", string images = "images")
    {
        using var connection = SqliteConnections.OpenReader(Path.Combine(folder, database));
        using var command = connection.CreateCommand();
        command.CommandText = "select file from images";
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                Assert.True(File.Exists(Path.Combine(folder, images, reader.GetString(0))), $"{reader.GetString(0)} is missing");
            }
        }

        command.CommandText = Words;
        return (string)command.ExecuteScalar()!;
    }

    /// <summary>Every backup that has its name is whole: it can be restored.</summary>
    /// <returns>How many there are.</returns>
    public static int Backups(string folder)
    {
        var shelf = new BackupShelf(Path.Combine(folder, "backups"));
        var all = shelf.List();
        Assert.All(all, backup => Assert.Null(BackupVerifier.Try(backup, folder + ".trial", CancellationToken.None)));
        return all.Count;
    }
}
