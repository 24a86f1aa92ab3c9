using AiChat.Data.Runs;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

public sealed class LiveTextTests : IDisposable
{
    private static readonly string _boot = new('b', 32);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-live-");

    private string Database => Path.Combine(_folder.FullName, "app.db");

    private string Live => Database + "-live";

    public LiveTextTests()
    {
        File.WriteAllText(Database, "");
        File.SetUnixFileMode(Database, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
    }

    [Fact]
    public void What_was_appended_is_read_in_order_whatever_its_letters()
    {
        RunChunk[] all = [Chunk(1, 0, "first "), Chunk(2, 0, "谁？🙂"), Chunk(1, 6, "\0\r\n\"{"), Chunk(1, 10, "why", RunChunk.Reasoning),
            Chunk(2, 4, """{"id":"x"}""", RunChunk.Tool)];
        using var text = new LiveText(Database);
        text.Begin(_boot);

        text.Append(all[..2]);
        text.Append(all[2..]);
        text.Flush();

        Assert.Equal(all, Read());
        Assert.Equal(_boot, LiveTextFile.Read(Live)!.Value.BootId);
        Assert.Equal(File.GetUnixFileMode(Database), File.GetUnixFileMode(Live));
    }

    /// <summary>Megabytes in one chunk are written in pieces that are the same text again.</summary>
    [Fact]
    public void A_long_text_is_read_again_in_pieces_that_follow_one_another()
    {
        var value = string.Concat(Enumerable.Repeat("a🙂谁 ", 300_000));
        using var text = new LiveText(Database);
        text.Begin(_boot);

        text.Append([Chunk(1, 0, "begin"), Chunk(1, 5, value, RunChunk.Reasoning), Chunk(2, 7, "other")]);

        var read = Read();
        var pieces = read.Where(chunk => chunk.Kind == RunChunk.Reasoning).ToList();
        Assert.Equal(value, string.Concat(pieces.Select(piece => piece.Value)));
        Assert.True(pieces.Count > 10);
        Assert.Equal(pieces.Select((_, i) => 5L + pieces.Take(i).Sum(piece => piece.Value.Length)), pieces.Select(piece => piece.Position));
        Assert.Equal([Chunk(1, 0, "begin"), Chunk(2, 7, "other")], [read[0], read[^1]]);
    }

    /// <summary>A power cut may leave any beginning of the file, and zeros or older bytes after it.</summary>
    [Fact]
    public void Of_a_file_that_was_cut_or_damaged_what_stands_before_is_read()
    {
        RunChunk[] all = [Chunk(1, 0, "one"), Chunk(1, 3, "two"), Chunk(2, 0, "three")];
        using (var text = new LiveText(Database))
        {
            text.Begin(_boot);
            text.Append(all);
        }

        var whole = File.ReadAllBytes(Live);
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Live, whole[..length]);
            var cut = Read();
            Assert.Equal(all[..cut.Count], cut);
            Assert.True(cut.Count < all.Length);

            File.WriteAllBytes(Live, [.. whole[..length], .. new byte[whole.Length - length]]);
            Assert.Equal(all[..cut.Count], Read());

            byte[] flipped = [.. whole];
            flipped[length] ^= 0x40;
            File.WriteAllBytes(Live, flipped);
            var left = Read();
            Assert.Equal(all[..left.Count], left);
            Assert.True(left.Count < all.Length || length < LiveTextFile.HeadLength);
        }
    }

    [Fact]
    public void It_begins_anew_with_what_still_runs_and_is_emptied_when_nothing_does()
    {
        using var text = new LiveText(Database);
        text.Begin(_boot);
        text.Append([Chunk(1, 0, "ended"), Chunk(2, 0, "goes on")]);

        text.Renew([[Chunk(2, 0, "goes on and on")]]);
        text.Append([Chunk(2, 14, "!")]);
        Assert.Equal([Chunk(2, 0, "goes on and on"), Chunk(2, 14, "!")], Read());
        Assert.Equal([Database, Live], Directory.GetFiles(_folder.FullName).Order());

        text.Empty();
        Assert.Empty(Read());
        text.Append([Chunk(3, 0, "later")]);
        Assert.Equal([Chunk(3, 0, "later")], Read());
    }

    [Fact]
    public void Only_running_answers_of_the_process_that_wrote_it_get_its_text()
    {
        File.Delete(Database);
        Migrator.Run(Database);
        using (var text = new LiveText(Database))
        {
            text.Begin(_boot);
            text.Append([Chunk(1, 0, "mine"), Chunk(2, 0, "ended"), Chunk(3, 0, "another's"), Chunk(1, 4, " too"), Chunk(9, 0, "gone")]);
        }

        using var connection = new SqliteConnection($"Data Source={Database};Pooling=false");
        connection.Open();
        Run(connection, $"""
            pragma foreign_keys = off;
            insert into runs (id, user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, started_at)
            values (1, 1, 1, 1, 'send', 'a', '', '{_boot}', 'running', 0), (2, 1, 1, 2, 'send', 'b', '', '{_boot}', 'done', 0),
                (3, 1, 1, 3, 'send', 'c', '', 'other', 'running', 0);
            insert into run_chunks (run_id, position, kind, value) values (1, 0, 'content', 'mine');
            """);

        LiveText.Put(connection, Database);
        LiveText.Put(connection, Database);

        Assert.Equal("1:mine, 1: too", Run(connection, """
            select group_concat(run_id || ':' || value, ', ') from (select * from run_chunks order by run_id, position)
            """));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private List<RunChunk> Read() => [.. LiveTextFile.Read(Live)?.Chunks ?? []];

    private static RunChunk Chunk(long run, long position, string value, string kind = RunChunk.Content) =>
        new() { RunId = run, Position = position, Kind = kind, Value = value };

    private static string? Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar()?.ToString();
    }
}
