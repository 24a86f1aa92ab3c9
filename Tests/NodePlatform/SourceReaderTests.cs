using AiChat.Data;
using AiChat.Data.NodePlatform;

namespace AiChat.Tests.NodePlatform;

/// <summary>The other platform's database in whatever state it is found: read as far as it goes, and never touched.</summary>
public sealed class SourceReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Theory]
    [InlineData(1_748_736_000_000L, 1_748_736_000_000L)]
    [InlineData(1_748_736_000L, 1_748_736_000_000L)] // seconds
    [InlineData(1_748_736_000_123.0, 1_748_736_000_123L)]
    [InlineData("1748736000000", 1_748_736_000_000L)]
    [InlineData("2025-06-01 00:00:00", 1_748_736_000_000L)]
    [InlineData("2025-06-01T00:00:00.123Z", 1_748_736_000_123L)]
    [InlineData("2025-06-01T08:00:00+08:00", 1_748_736_000_000L)]
    [InlineData("2025-06-01T00:00:00.000", 1_748_736_000_000L)]
    [InlineData("2025-06-01 00:00:00.000 +00:00", 1_748_736_000_000L)]
    [InlineData(2_460_827.5, 1_748_736_000_000L)] // julianday()
    [InlineData(0L, null)]
    [InlineData(-5L, null)]
    [InlineData("9999-12-31T00:00:00Z", null)]
    [InlineData("yesterday", null)]
    [InlineData(null, null)]
    public void Times_of_every_form_are_read_and_impossible_ones_are_not(object? stored, long? expected) =>
        Assert.Equal(expected, SourceValues.Time(stored));

    [Fact]
    public void A_damaged_or_cut_file_gives_what_can_be_read_and_says_what_was_lost()
    {
        using var old = Filled(2_000);
        var path = Path.Combine(_folder, "damaged.db");
        var bytes = File.ReadAllBytes(old.Path);
        var pages = bytes.Length / 4_096;
        Random.Shared.NextBytes(bytes.AsSpan(pages / 2 * 4_096, 3 * 4_096));
        File.WriteAllBytes(path, bytes);
        using (var reader = Open(path))
        {
            var counts = reader.Counts();
            Assert.InRange(counts.Messages, 1_000, 1_999);
            Assert.Equal(2_000, counts.Messages + reader.Lost["messages"]);
            Assert.Equal(1, counts.Users);
        }

        File.WriteAllBytes(path, File.ReadAllBytes(old.Path)[..(pages / 2 * 4_096 + 100)]);
        using (var reader = Open(path))
        {
            Assert.InRange(reader.Counts().Messages, 500, 1_500);
            Assert.Equal(2_000, reader.Counts().Messages + reader.Lost["messages"]);
        }
    }

    [Fact]
    public void A_log_and_an_interrupted_transaction_are_read_from_the_copy_and_nothing_is_made_beside_the_source()
    {
        using var old = Filled(10);
        old.Execute("pragma journal_mode = wal; pragma wal_autocheckpoint = 0");
        old.Ask(1, "in the log");
        var crashed = Copy(old.Path, "", "-wal");
        using (var reader = Open(crashed))
        {
            Assert.Equal(11, reader.Counts().Messages);
        }

        Assert.Equal(["app.db", "app.db-wal"], Directory.EnumerateFiles(Path.GetDirectoryName(crashed)!).Select(Path.GetFileName).Order());

        old.Execute("pragma journal_mode = delete; pragma cache_size = 2; begin; update messages set content = printf('%2000d', id)");
        var interrupted = Copy(old.Path, "", "-journal");
        using (var reader = Open(interrupted))
        {
            Assert.Equal("Question 0", reader.Messages(1)[0].Content);
        }

        using (var reader = Open(old.Path)) // while its writer holds it
        {
            Assert.Equal("Question 0", reader.Messages(1)[0].Content);
        }

        old.Execute("rollback");
    }

    [Fact]
    public void Columns_that_are_missing_unknown_or_of_another_type_do_not_matter()
    {
        using var old = new NodePlatformDatabase(_folder, pictures: false);
        old.Execute("alter table users drop column status; alter table messages add column pinnedBy TEXT");
        old.Execute("create table skills (id INTEGER)");
        old.Execute("insert into skills values (1)");
        old.Insert("users", ("username", "one"), ("hashedPassword", "x"), ("createdAt", "2025-06-01 00:00:00"));
        var chat = old.Chat(1, null!);
        old.Message(chat, "user", "", ("content", new byte[] { 0x68, 0x69 }), ("createdAt", 5L));
        old.Message(chat, "user", "second", ("createdAt", "nonsense"));
        using var reader = Open(old.Path);

        Assert.Null(reader.Users().Single().Status);
        Assert.Null(reader.Chats(ChatOwner.User, 1).Single().Title);
        Assert.Equal(["hi", "second"], reader.Messages(chat).Select(message => message.Content));
        Assert.Contains(reader.Rest, rest => rest is { Table: "skills", Rows: 1 });
        Assert.Contains(reader.Rest, rest => rest is { Table: "messages", Column: "pinnedBy" });
    }

    [Fact]
    public void What_is_no_such_database_is_refused()
    {
        var text = Path.Combine(_folder, "text.db");
        File.WriteAllText(text, "no database");
        Assert.Throws<StoreException>(() => Open(text));
        using var old = new NodePlatformDatabase(_folder);
        old.Execute("drop table chat_sessions");
        Assert.Contains("chat_sessions", Assert.Throws<StoreException>(() => Open(old.Path)).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private NodePlatformDatabase Filled(int messages)
    {
        var old = new NodePlatformDatabase(_folder);
        old.Execute("begin");
        var chat = old.Chat(old.User("one", NodePlatformDatabase.Hash), "Chat");
        for (var at = 0; at < messages; at++)
        {
            old.Ask(chat, $"Question {at}");
        }

        old.Execute("commit");
        return old;
    }

    private string Copy(string path, params string[] suffixes)
    {
        var target = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, Guid.NewGuid().ToString())).FullName, "app.db");
        foreach (var suffix in suffixes)
        {
            File.Copy(path + suffix, target + suffix);
        }

        return target;
    }

    private SourceReader Open(string path) => SourceReader.Open(path, _folder, _ => { }, CancellationToken.None);
}
