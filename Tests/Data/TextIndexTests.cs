using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>Which messages wait for the text index: those after the newest that it holds, and those that changed since.</summary>
public sealed class TextIndexTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-index-");
    private readonly SqliteConnection _connection;

    public TextIndexTests()
    {
        var path = Path.Combine(_folder.FullName, "app.db");
        Migrator.Run(path);
        _connection = SqliteConnections.OpenWriter(path);
        List("""
            insert into users (id, username, username_key, role, status, created_at) values (1, 'Ann', 'ann', 'ADMIN', 'ACTIVE', 1),
                (2, 'Bob', 'bob', 'USER', 'ACTIVE', 1)
            """);
        List("insert into sessions (id, user_id, title, created_at, updated_at) values (1, 1, '', 1, 1)");
    }

    [Fact]
    public void What_was_written_edited_ended_late_deleted_or_moved_waits_until_it_is_added()
    {
        Write(1, "a heron");
        Write(2, "", "streaming");
        Write(3, "a stork");
        Assert.Equal(["1", "3"], Waiting());
        Add();
        Assert.Equal(["1", "3"], Indexed());

        List("update messages set content = 'a crane', status = 'done' where id = 2"); // ends after a later one was added
        List("update messages set content = 'an egret' where id = 1");
        Assert.Equal(["1", "2"], Waiting());
        Add();
        Assert.Equal(["1", "2", "3"], Indexed());
        Assert.Equal(["1"], Found("gre"));
        Assert.Empty(Found("ero"));

        List("delete from messages where id = 3"); // the newest of the index
        Assert.Equal(["3"], Waiting());
        Add();
        Assert.Equal(["1", "2"], Indexed());
        Write(4, "a swan");
        Assert.Equal(["4"], Waiting());
        List("update messages set content = 'a goose' where id = 4"); // waits already
        Assert.Equal(["0"], List("select count(*) from messages_text_due"));
        Add();

        List("update sessions set user_id = 2 where id = 1");
        Assert.Equal(["1", "2", "4"], Waiting());
        Add();
        Assert.Equal(["1", "2", "4"], Indexed());
        Assert.Empty(Found("gre"));
        Assert.Equal(["1"], Found("gre", 2));
    }

    [Fact]
    public void What_belongs_to_nobody_does_not_wait()
    {
        Write(1, "a heron");
        List("update sessions set user_id = null where id = 1");

        Assert.Empty(Waiting());
        Assert.Equal(0, TextIndex.AddDue(_connection, () => true));
    }

    [Fact]
    public void An_addition_that_is_stopped_goes_on_with_the_next()
    {
        Enumerable.Range(1, 9).ToList().ForEach(id => Write(id, $"text {id}"));

        Assert.Equal(1, TextIndex.AddDue(_connection, () => false));
        Assert.Equal(8, Waiting().Count);
        Add();
        Assert.Equal(9, Indexed().Count);
    }

    [Fact]
    public void Few_messages_are_not_worth_an_addition()
    {
        Enumerable.Range(1, 63).ToList().ForEach(id => Write(id, $"text {id}"));
        Assert.False(TextIndex.IsWorthAdding(_connection));
        Write(64, "one more");
        Assert.True(TextIndex.IsWorthAdding(_connection));
    }

    public void Dispose()
    {
        _connection.Dispose();
        _folder.Delete(recursive: true);
    }

    private void Write(int id, string content, string status = "done") => List($"""
        insert into messages (id, session_id, role, content, status, created_at) values ({id}, 1, 'assistant', '{content}', '{status}', 1)
        """);

    private void Add()
    {
        TextIndex.AddDue(_connection, () => true);
        Assert.Empty(Waiting());
    }

    private List<string> Waiting() => List("select id from messages_text_waiting order by id");

    private List<string> Indexed() => List("select id from messages_text_docsize order by id");

    private List<string> Found(string letters, long owner = 1) =>
        List($"select rowid from messages_text where messages_text match '{SearchTerms.Owner(owner)} AND \"{letters}\"'");

    private List<string> List(string sql) => OldRows.List(_connection, sql);
}
