using AiChat.Data;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Imports;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;

namespace AiChat.Tests.Data;

/// <summary>Chats from elsewhere in the store: whole, once, and never against what their owner did here.</summary>
public sealed class ImportStoreTests : IDisposable
{
    private const long Owner = 7;
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-imports-");
    private readonly DataFolder _data;
    private readonly Db _db;
    private readonly ImageFiles _files;
    private readonly ImportStore _store;

    public ImportStoreTests()
    {
        _data = DataFolder.Open(_folder.FullName, null);
        var instance = _data.OpenInstance(TimeProvider.System, false);
        Migrator.Run(_data.DatabasePath);
        using (var connection = SqliteConnections.OpenWriter(_data.DatabasePath))
        {
            using var command = ((System.Data.Common.DbConnection)connection).CreateCommand();
            command.CommandText =
                "insert into users (id, username, username_key, role, status, created_at) values (7, 'Ann', 'ann', 'USER', 'ACTIVE', 1)";
            command.ExecuteNonQuery();
        }

        _db = new Db(_data.DatabasePath);
        _files = new ImageFiles(ImageFolder.Open(_data.File("images"), instance), TimeProvider.System);
        _store = new ImportStore(_db, new ImageStore(_db), _files);
    }

    [Fact]
    public async Task A_tree_comes_with_its_versions_times_and_the_branch_that_was_shown()
    {
        var chat = Chat(
            User("q", null) with { CreatedAt = 1_600_000_000_000 },
            Answer("a1", "q") with { Model = "gpt-x", Reasoning = "Because", ReasoningMs = 5, CreatedAt = 1_600_000_001_000 },
            Answer("a2", "q") with { CreatedAt = 1_600_000_002_000 },
            User("q2", "a1") with { CreatedAt = 1_900_000_000_000 }) with
        { LeafKey = "a2", CreatedAt = 1_600_000_000_000, Pinned = true };

        var result = await Write(chat);

        Assert.Equal((ImportOutcome.Added, 4, 0), (result.Outcome, result.Messages, result.Repaired));
        var session = (await new Sessions(_db).Find(Owner, result.SessionId!.Value))!;
        Assert.Equal(("Trip", true, 4L, 1_600_000_000_000L), (session.Title, session.Pinned, session.MessageCount, session.CreatedAt));
        var branch = (await new Messages(_db).Branch(Owner, session.Id, null, 10))!;
        Assert.Equal(["text of q", "text of a2"], branch.Select(row => row.Content));
        var tree = (await new Messages(_db).Tree(Owner, session.Id, 0, 10))!;
        var first = tree.Single(row => row.Content == "text of a1");
        Assert.Equal(("gpt-x", "Because", 5L, 1_600_000_001_000L), (first.Model, first.Reasoning, first.ReasoningMs, first.CreatedAt));
        Assert.Equal(tree[0].Id, first.ParentId);
        Assert.Equal(Now.ToUnixTimeMilliseconds(), tree.Single(row => row.Content == "text of q2").CreatedAt); // not in the future
        Assert.Single(await new Search(_db).Sessions(Owner, SearchTerms.Parse("text of a1")!, false, null, 10, default)); // off the branch
    }

    [Fact]
    public async Task The_same_chat_again_adds_nothing_and_one_that_grew_gets_only_what_is_new()
    {
        var chat = Chat(User("q", null), Answer("a", "q"));
        var first = await Write(chat);

        Assert.Equal(ImportOutcome.Unchanged, (await Write(chat)).Outcome);
        var grown = await Write(chat with { Messages = [.. chat.Messages, User("q2", "a"), Answer("a2", "q2")] });

        Assert.Equal((ImportOutcome.Grown, 2, first.SessionId), (grown.Outcome, grown.Messages, grown.SessionId));
        Assert.Equal(
            ["text of q", "text of a", "text of q2", "text of a2"],
            (await new Messages(_db).Branch(Owner, first.SessionId!.Value, null, 10))!.Select(row => row.Content));
        Assert.Equal(1, await Count("sessions"));
        Assert.Equal(ImportOutcome.Added, (await Write(chat with { Source = "other" })).Outcome); // the same key of another program
    }

    [Fact]
    public async Task What_its_owner_deleted_or_chose_here_stays_so()
    {
        var chat = Chat(User("q", null), Answer("a", "q"), Answer("b", "q"), User("q2", "b")) with { LeafKey = "q2" };
        var id = (await Write(chat)).SessionId!.Value;
        var messages = new Messages(_db);
        var tree = (await messages.Tree(Owner, id, 0, 10))!;
        await messages.Activate(Owner, id, tree.Single(row => row.Content == "text of a").Id);
        await messages.DeleteBranch(Owner, id, tree.Single(row => row.Content == "text of q2").Id);

        var grown = await Write(chat with { Messages = [.. chat.Messages, Answer("c", "q2")], LeafKey = "c" });

        Assert.Equal(1, grown.Messages);
        Assert.Equal(["text of q", "text of a"], (await messages.Branch(Owner, id, null, 10))!.Select(row => row.Content));
        var b = tree.Single(row => row.Content == "text of b").Id;
        Assert.Equal(b, (await messages.Tree(Owner, id, 0, 10))!.Single(row => row.Content == "text of c").ParentId);

        await new Sessions(_db).Delete(Owner, id);
        Assert.Equal(ImportOutcome.DeletedHere, (await Write(chat)).Outcome);
        var restored = await _store.Write(Owner, chat, new ImportOptions(1 << 20, RestoreDeleted: true), Now, default);
        Assert.Equal((ImportOutcome.Added, 4), (restored.Outcome, restored.Messages));
        Assert.Equal(ImportOutcome.Unchanged, (await Write(chat)).Outcome);
    }

    [Fact]
    public async Task Messages_without_a_place_are_kept()
    {
        var result = await Write(Chat(
            User("q", null), Answer("a", "q"), User("lost", "gone"), Answer("version", "gone"),
            User("circle1", "circle2"), Answer("circle2", "circle1"), User("self", "self")));

        Assert.Equal((7, 4), (result.Messages, result.Repaired));
        var tree = (await new Messages(_db).Tree(Owner, result.SessionId!.Value, 0, 10))!;
        Assert.Equal(7, tree.Count);
        var parents = tree.ToDictionary(row => row.Content["text of ".Length..], row => row.ParentId);
        Assert.Equal(parents["lost"], parents["version"]);
        Assert.Equal(tree.Single(row => row.Content == "text of a").Id, parents["lost"]);
        Assert.Equal(tree.Single(row => row.Content == "text of circle1").Id, parents["circle2"]);
        Assert.Equal(ImportOutcome.Empty, (await Write(Chat() with { Key = "none" })).Outcome);
    }

    [Fact]
    public async Task A_chain_of_any_length_is_written_in_short_writes()
    {
        var messages = Enumerable.Range(0, 3_000).Select(i => User($"{i}", i == 0 ? null : $"{i - 1}")).ToArray();
        var commits = _db.Commits;

        var result = await Write(Chat(messages));

        Assert.Equal(3_000, result.Messages);
        Assert.True(_db.Commits - commits > 10, "It was one long write.");
        Assert.Equal(3_000, (await new Messages(_db).Branch(Owner, result.SessionId!.Value, null, 5_000))!.Count);
    }

    [Fact]
    public async Task Images_are_files_before_they_are_rows_and_stay_within_the_owners_share()
    {
        var png = SampleImages.Png();
        ImportedImage Image(string name, byte[]? bytes) => new(name, () => bytes is null ? null : new MemoryStream(bytes));
        var chat = Chat(User("q", null) with
        {
            Images = [Image("one", png), Image("text", "no image"u8.ToArray()), Image("gone", null), Image("two", png),
                Image("three", png)],
        });

        // A file counts as a block at least, so two fit.
        var result = await _store.Write(Owner, chat, new ImportOptions(ImageShare: 2 * ImageStore.Block), Now, default);

        Assert.Equal(2, result.Images);
        Assert.Equal(
            ["text Invalid", "gone Missing", "three StorageFull"], result.LeftOut!.Select(left => $"{left.Name} {left.Why}"));
        var message = (await new Messages(_db).Tree(Owner, result.SessionId!.Value, 0, 10))!.Single().Id;
        var rows = (await new ImageStore(_db).FindByMessages(Owner, [message]))[message].ToList();
        Assert.Equal(2, rows.Count);
        Assert.All(rows, row => Assert.True(_files.Folder.Exists(row.File)));
        Assert.Equal(2, Directory.EnumerateFiles(_files.Folder.Folder, "*.png", SearchOption.AllDirectories).Count());
        Assert.Equal(ImportOutcome.Unchanged, (await Write(chat)).Outcome);
    }

    [Fact]
    public async Task Nothing_of_an_account_stays_when_it_is_deleted()
    {
        await Write(Chat(User("q", null), Answer("a", "q")));

        await Run("delete from users where id = 7");
        var removal = new Removal(_db);
        while (await removal.Step())
        {
        }

        Assert.Equal(
            (0, 0, 0, 0), (await Count("sessions"), await Count("messages"), await Count("imported_chats"),
                await Count("imported_messages")));
    }

    public void Dispose()
    {
        _db.Dispose();
        _data.Dispose();
        _folder.Delete(recursive: true);
    }

    private Task<ImportResult> Write(ImportedChat chat) => _store.Write(Owner, chat, new ImportOptions(1 << 20), Now, default);

    private Task Run(string sql) => _db.Write(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    });

    private Task<int> Count(string table) => _db.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"select count(*) from {table}";
        return Convert.ToInt32(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    });

    private static ImportedChat Chat(params ImportedMessage[] messages) =>
        new() { Source = "test", Key = "k", Title = "Trip", Messages = messages };

    private static ImportedMessage User(string key, string? parent) =>
        new() { Key = key, ParentKey = parent, Role = "user", Content = $"text of {key}" };

    private static ImportedMessage Answer(string key, string? parent) => User(key, parent) with { Role = "assistant" };
}
