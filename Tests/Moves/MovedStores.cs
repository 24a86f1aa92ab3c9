using System.Data.Common;
using AiChat.Data;
using AiChat.Data.Moves;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Tests.Data;

namespace AiChat.Tests.Moves;

/// <summary>A database file with rows in every table, and moves of it from one engine to another.</summary>
internal sealed class MovedStores : IDisposable
{
    public static readonly InstanceMarker Instance = new("0123456789abcdef0123456789abcdef", 1_700_000_000_000, true);

    private const string LaterTables = """
        insert into learned_limits (connection_id, model, context_limit) values (2, 'm', 8192);
        insert into imported_chats (id, user_id, source, source_key, session_id, leaf_id, imported_at)
        values (3, 1, 'chatgpt', 'k', 1, 2, 5);
        insert into imported_messages (chat_id, source_key, message_id) values (3, 'm1', 1), (3, 'M0', 2), (3, 'é', 2);
        insert into imports (id, user_id, state, name, bytes, created_at) values (4, 1, 'done', 'a.zip', 9, 1);
        insert into imported_rows (kind, source_key, id) values ('user', 'b', 1), ('user', 'A', null), ('connection', '人', 2);
        update daily_usage set held_messages = 1, held_tokens = 7 where user_id = 1;
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-moves-");

    public string Folder => _folder.FullName;

    public string Path(string name) => System.IO.Path.Combine(Folder, name);

    /// <summary>The source.</summary>
    /// <param name="messages">So many more in one chat.</param>
    public string NewFile(int messages = 0, string more = "")
    {
        var path = Path($"{Guid.NewGuid():N}.db");
        Migrator.Run(path);
        OldRows.Fill(path, messages);
        OldRows.Text(path, LaterTables + more);
        return path;
    }

    public static List<MovedTable> ToServer(
        string path, string url, Func<IMoveStore, IMoveStore>? source = null, Action<DbConnection>? last = null)
    {
        using var servers = Servers(url);
        using var from = SqliteMoveStore.OpenSource(path, StartProgress.None);
        using var to = PostgresMoveStore.OpenTarget(servers, Instance, DateTimeOffset.UnixEpoch);
        return new StoreMove(source?.Invoke(from) ?? from, to, StartProgress.None).Run(MoveTable.All(to.Flags()), last ?? (_ => { }));
    }

    public static List<MovedTable> ToFile(string url, string path, Func<IMoveStore, IMoveStore>? source = null)
    {
        using var servers = Servers(url);
        using var from = PostgresMoveStore.OpenSource(servers);
        using var to = SqliteMoveStore.OpenTarget(path, from.Instance(), StartProgress.None);
        return new StoreMove(source?.Invoke(from) ?? from, to, StartProgress.None).Run(MoveTable.All(from.Flags()), _ => { });
    }

    public static PostgresServers Servers(string url) => new(PostgresUrl.Parse(url, out _)!);

    public void Dispose()
    {
        _folder.Delete(recursive: true);
    }
}

/// <summary>A source whose process is ended when it has given so many rows.</summary>
internal sealed class EndedSource(IMoveStore source, int rows) : IMoveStore
{
    private int _left = rows;

    public string Place => source.Place;

    public DbConnection Connection => source.Connection;

    public Dictionary<string, long> Replaced => source.Replaced;

    public IEnumerable<object?[]> Rows(MoveTable table, object[]? after) => source.Rows(table, after).Select(row =>
        _left-- > 0 ? row : throw new EndOfProcessException());

    public long Count(MoveTable table) => source.Count(table);

    public object[]? LastKey(MoveTable table) => source.LastKey(table);

    public bool Append(MoveTable table, IEnumerator<object?[]> rows) => source.Append(table, rows);

    public Dictionary<string, long> Counters() => source.Counters();

    public void Finish(IReadOnlyList<MoveTable> tables, IReadOnlyDictionary<string, long> counters, Action<DbConnection> last) =>
        source.Finish(tables, counters, last);

    public void Dispose() => source.Dispose();
}

internal sealed class EndOfProcessException : Exception;
