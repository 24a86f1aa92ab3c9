using System.Data.Common;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Traces;

/// <summary>Task traces of chat requests, apart from the chats. Reading opens no file that does not exist.</summary>
internal sealed class TraceStore(ITracePlace place)
{
    private const string Columns = """
        id, user_id, actor, kind, session_id, message_id, client_message_id, provider, model, status, event_count, truncated, started_at,
        ended_at
        """;

    private const string Filter = """
        (cast(@sessionId as bigint) is null or session_id = @sessionId) and (cast(@status as text) is null or status = @status)
            and (cast(@q as text) is null or lower(actor) like @q escape '\' or lower(model) like @q escape '\'
                or lower(client_message_id) like @q escape '\')
        """;

    /// <summary>Number of the oldest traces that are deleted when the file has reached its maximum size.</summary>
    private const int Displaced = 20;

    /// <summary>Stores the new events of these traces in one transaction; called by one writer at a time.</summary>
    /// <returns>The ids of the traces, in their order.</returns>
    /// <exception cref="StoreException">Nothing was stored.</exception>
    public async Task<List<long>> Write(IReadOnlyList<TraceBatch> batches)
    {
        var db = Open();
        try
        {
            var ids = await db.Write(connection => Store(connection, batches));
            await place.KeepBelowBound(batches);
            return ids;
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full && place.HasOwnBound)
        {
            await db.Write(connection => connection.Execute("""
                delete from traces
                where id in (select id from traces where status <> 'running' order by started_at limit @limit)
                """, new { limit = Displaced }));
            return await db.Write(connection => Store(connection, batches));
        }
    }

    public async Task<(List<TraceRow> Rows, long Total)> List(TraceFilter filter, int limit, long offset)
    {
        if (!place.Exists)
        {
            return ([], 0);
        }

        var (sessionId, status, q) = (filter.SessionId, filter.Status, filter.Text is { } text ? LikePattern.Containing(text) : null);
        var db = Open();
        var rows = await db.Read(connection => connection.Query<TraceRow>($"""
            select {Columns}
            from traces
            where {Filter}
            order by id desc
            limit @limit offset @offset
            """, new { sessionId, status, q, limit, offset }).ToList());
        var total = await db.Read(connection => connection.QuerySingle<long>($"""
            select count(*)
            from traces
            where {Filter}
            """, new { sessionId, status, q }));
        return (rows, total);
    }

    public async Task<TraceRow?> Find(long id)
    {
        if (!place.Exists)
        {
            return null;
        }

        return await Open().Read(connection => connection.QuerySingleOrDefault<TraceRow>($"""
            select {Columns}
            from traces
            where id = @id
            """, new { id }));
    }

    /// <summary>The events after a sequence number, in order.</summary>
    public Task<List<TraceEventRow>> Events(long id, long after, int limit) => Open().Read(connection => connection.Query<TraceEventRow>("""
        select seq, type, at, payload
        from trace_events
        where trace_id = @id and seq > @after
        order by seq
        limit @limit
        """, new { id, after, limit }).ToList());

    /// <summary>Ends what processes that are gone have left running.</summary>
    public Task EndGone() => place.EndGone();

    public Task<int> Delete(long id) => Change(connection => connection.Execute("""
        delete from traces
        where id = @id
        """, new { id }));

    /// <summary>Deletes at most <paramref name="limit"/> traces that began before a moment; running ones stay.</summary>
    public Task<int> DeleteBefore(DateTimeOffset before, int limit)
    {
        var at = before.ToUnixTimeMilliseconds();
        return Change(connection => connection.Execute("""
            delete from traces
            where id in (select id from traces where started_at < @at and status <> 'running' order by started_at limit @limit)
            """, new { at, limit }));
    }

    /// <summary>Ids of users with traces, after an id.</summary>
    public Task<List<long>> Users(long after, int limit) => place.Exists
        ? Open().Read(connection => connection.Query<long>("""
            select distinct user_id
            from traces
            where user_id > @after
            order by user_id
            limit @limit
            """, new { after, limit }).ToList())
        : Task.FromResult<List<long>>([]);

    /// <summary>Deletes at most <paramref name="limit"/> traces of these users.</summary>
    public Task<int> DeleteUsers(IEnumerable<long> userIds, int limit)
    {
        var ids = $"[{string.Join(',', userIds)}]";
        return Change(connection => connection.Execute("""
            delete from traces
            where id in (select id from traces where user_id in (select cast(value as bigint) from json_each(@ids)) limit @limit)
            """, new { ids, limit }));
    }

    private List<long> Store(DbConnection connection, IReadOnlyList<TraceBatch> batches)
    {
        place.Begin(connection);
        var ids = new List<long>(batches.Count);
        foreach (var batch in batches)
        {
            ids.Add(batch.Id == 0 ? Insert(connection, batch) : batch.Id);
        }

        place.Store(connection, ids, batches);
        return ids;
    }

    private long Insert(DbConnection connection, TraceBatch batch)
    {
        var head = batch.Head;
        var id = connection.QuerySingle<long>($"""
            insert into traces (user_id, actor, kind, client_message_id, provider, model, status, event_count, truncated, started_at)
            values (@UserId, @Actor, @Kind, @ClientMessageId, @Provider, @Model, 'running', 0, false, @StartedAt)
            returning id
            """, new { head.UserId, head.Actor, head.Kind, head.ClientMessageId, head.Provider, head.Model, head.StartedAt });
        place.Added(connection, id);
        return id;
    }

    private async Task<int> Change(Func<DbConnection, int> work) => !place.Exists ? 0 : await Open().Write(connection =>
    {
        place.Begin(connection);
        return work(connection);
    });

    private Db Open() => place.Open();
}
