using System.Data.Common;
using AiChat.Data.Sqlite;
using Dapper;

namespace AiChat.Data.NodePlatform;

/// <summary>
/// Reads the database of the Node.js platform: one row, one chat or one page at a time. Rows without an id are left out, and of two
/// with the same id, which only damage makes, the first is read.
/// </summary>
internal sealed class SourceReader : IDisposable
{
    /// <summary>Letters of one text: as much as is taken of one from any other source.</summary>
    public const int MaxText = 2 * 1024 * 1024;

    private const int PageSize = 500;

    private readonly ForeignDatabase _database;

    private SourceReader(ForeignDatabase database) => _database = database;

    /// <summary>Tables and columns that are not taken.</summary>
    public IReadOnlyList<ForeignRest> Rest =>
        [.. _database.Rest.Where(rest => rest.Column is not null || (rest.Rows > 0 && !SourceTables.Ignored.Contains(rest.Table)))];

    /// <summary>About how many rows could not be read, by their table there.</summary>
    public IReadOnlyDictionary<string, long> Lost => _database.Lost;

    private DbConnection Clean => _database.Clean;

    /// <param name="temporary">A folder with room for the database twice.</param>
    /// <param name="progress">Told each table.</param>
    /// <exception cref="StoreException">It cannot be read, is no such database, or the temporary folder is full.</exception>
    public static SourceReader Open(string path, string temporary, Action<string> progress, CancellationToken cancel)
    {
        if (!ForeignFile.IsDatabase(path))
        {
            throw new StoreException(StoreFailure.Unavailable, $"{path} is not an SQLite database.");
        }

        var database = ForeignDatabase.Open(path, temporary, SourceTables.All, progress, cancel);
        if (!database.Found.Contains(SourceTables.Sign))
        {
            var tables = string.Join(", ", database.Rest.Select(rest => rest.Table).Distinct().Take(5));
            database.Dispose();
            throw new StoreException(
                StoreFailure.Unavailable,
                $"{path} is not a database of the Node.js platform: it has no table {SourceTables.Sign}"
                    + (tables.Length == 0 ? " and holds nothing." : $", but {tables}."));
        }

        var reader = new SourceReader(database);
        reader.Repair();
        return reader;
    }

    public void Dispose() => _database.Dispose();

    public SourceCounts Counts() => Clean.QuerySingle<SourceCounts>("""
        select
            (select count(*) from users) as users,
            (select count(*) from chats where user_id in (select id from users)) as chats,
            (select count(*) from chats where user_id is null and guest is not null) as guest_chats,
            (select count(*) from chats where user_id is not null and user_id not in (select id from users)
                or user_id is null and guest is null) as lost_chats,
            (select count(*) from messages) as messages,
            (select count(*) from messages where session_id is null or session_id not in (select id from chats)) as lost_messages,
            (select count(*) from traces) as traces
        """);

    /// <summary>By id, which is the order in which they registered.</summary>
    public List<SourceUser> Users() => Clean.Query<SourceUser>("""
        select u.id, u.username, u.hash, u.role, u.status, u.created, u.approved, u.reason, u.model, u.avatar,
            (select max(q.daily_limit) from quotas q
                where upper(q.scope) = 'USER' and (q.user_id = u.id or q.identifier = 'user:' || u.id)) as daily_limit
        from users u
        order by u.id
        """).ToList();

    public List<SourceSetting> Settings() => Clean.Query<SourceSetting>("""
        select key, value from settings where key is not null order by key
        """).ToList();

    public List<SourceConnection> Connections() => Clean.Query<SourceConnection>("""
        select id, provider, base_url, enabled, auth_type, api_key, headers, azure_version, prefix, tags, model_ids, capabilities, created
        from connections
        order by id
        """).ToList();

    public List<SourceModel> Models() => Clean.Query<SourceModel>("""
        select connection_id, model, tags, meta, capabilities
        from models
        where manual = 1 and connection_id is not null and model is not null
        order by id
        """).ToList();

    /// <summary>The chats of a user, or of everybody without an account.</summary>
    public IEnumerable<SourceChat> Chats(ChatOwner owner, long userId = 0)
    {
        var kind = (int)owner;
        for (var after = long.MinValue; ;)
        {
            var page = Clean.Query<SourceChat>("""
                select id, guest, connection_id, model, title, created, reasoning, effort, think, prompt, pinned
                from chats
                where id > @after
                    and (@kind = 0 and user_id = @userId or @kind = 1 and user_id is null and guest is not null)
                order by id
                limit @PageSize
                """, new { after, kind, userId, PageSize }).ToList();
            foreach (var chat in page)
            {
                yield return chat;
            }

            if (page.Count < PageSize)
            {
                yield break;
            }

            after = page[^1].Id;
        }
    }

    /// <summary>
    /// The messages of a chat in the order in which the platform shows them, with texts up to <see cref="MaxText"/> letters.
    /// </summary>
    public List<SourceMessage> Messages(long chatId) => Clean.Query<SourceMessage>("""
        select m.id, m.parent_id, m.role, substr(m.content, 1, @MaxText) as content, substr(m.reasoning, 1, @MaxText) as reasoning,
            m.reasoning_seconds, case when length(m.tools) <= @MaxText then m.tools end as tools, m.created, m.updated, m.status,
            substr(m.stream_reasoning, 1, @MaxText) as stream_reasoning, substr(m.error, 1, @MaxText) as error, u.model, u.prompt,
            u.completion, max(coalesce(octet_length(m.content), 0), coalesce(octet_length(m.reasoning), 0)) > @MaxText
                and max(coalesce(length(m.content), 0), coalesce(length(m.reasoning), 0)) > @MaxText as is_long
        from messages m
        left join usage u on u.id = (select max(latest.id) from usage latest where latest.message_id = m.id)
        where m.session_id = @chatId
        order by m.shown, m.id
        """, new { chatId, MaxText }).ToList();

    public List<SourceAttachment> Attachments(long chatId) => Clean.Query<SourceAttachment>("""
        select a.id, a.message_id, m.created as message_created, a.path, a.created
        from messages m
        join attachments a on a.message_id = m.id
        where m.session_id = @chatId
        order by a.message_id, a.id
        """, new { chatId }).ToList();

    /// <summary>A page of usage, by ascending id; that of chats without an account is not among it.</summary>
    public List<SourceUsage> Usage(long after) => Clean.Query<SourceUsage>("""
        select u.id, u.session_id as chat_id, c.created as chat_created, c.user_id, u.message_id, m.created as message_created, u.model,
            u.provider, u.prompt, u.completion, u.created
        from usage u
        join chats c on c.id = u.session_id and c.user_id is not null
        left join messages m on m.session_id = u.session_id and m.id = u.message_id
        where u.id > @after
        order by u.id
        limit @PageSize
        """, new { after, PageSize }).ToList();

    public List<SourceTrace> Traces(long after) => Clean.Query<SourceTrace>("""
        select t.id, t.session_id as chat_id, c.created as chat_created, t.message_id, m.created as message_created, t.client_id, t.actor,
            t.status, t.metadata, t.started, t.ended, t.events, t.log
        from traces t
        left join chats c on c.id = t.session_id
        left join messages m on m.session_id = t.session_id and m.id = t.message_id
        where t.id > @after
        order by t.id
        limit 50
        """, new { after }).ToList();

    /// <summary>Events that stand in the database; the platform writes them into files instead.</summary>
    public List<SourceTraceEvent> TraceEvents(long traceId, int limit) => Clean.Query<SourceTraceEvent>("""
        select type, at, payload
        from trace_events
        where trace_id = @traceId and seq is not null
        order by seq
        limit @limit
        """, new { traceId, limit }).ToList();

    /// <summary>
    /// Gives each message a time by which it is put in order: its own, or that of the message before it, and drops what has no id.
    /// </summary>
    private void Repair()
    {
        foreach (var table in new[] { "users", "chats", "messages", "attachments", "usage", "connections", "traces" })
        {
            Clean.Execute($"delete from {table} where id is null");
        }

        Clean.Execute("""
            alter table messages add column shown integer;
            update messages set shown = created where created is not null;
            update messages set shown = coalesce(
                (select before.created from messages before
                    where before.session_id = messages.session_id and before.id < messages.id and before.created is not null
                    order by before.id desc limit 1), 0)
            where created is null;
            """);
    }
}

/// <summary>Whose chats.</summary>
internal enum ChatOwner
{
    User,
    Guests,
}
