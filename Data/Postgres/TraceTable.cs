using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>What traces need that are in tables beside others.</summary>
internal static class TraceTable
{
    /// <summary>This transaction alone does not wait for the disk: a crash of the server may lose the last traces, no more.</summary>
    public static void Begin(DbConnection connection) => connection.ExecuteScalar<string>("""
        select set_config('synchronous_commit', 'off', true)
        """);

    public static void Own(DbConnection connection, long id, string bootId) =>
        connection.Execute("update traces set boot_id = @bootId where id = @id", new { id, bootId });

    /// <summary>Writes the states of traces, and with them what their events take.</summary>
    /// <param name="states">A JSON list of objects named as the columns.</param>
    public static void SetStates(DbConnection connection, string states) => connection.Execute("""
        update traces
        set message_id = s.message_id, session_id = s.session_id, status = s.status, ended_at = s.ended_at, event_count = s.event_count,
            truncated = s.truncated, bytes = traces.bytes + s.bytes
        from json_to_recordset(cast(@states as json)) as s (id bigint, message_id bigint, session_id bigint, status text,
            ended_at bigint, event_count bigint, truncated boolean, bytes bigint)
        where traces.id = s.id
        """, new { states });

    /// <summary>Adds events of traces that are there still.</summary>
    /// <param name="events">A JSON list of objects named as the columns.</param>
    public static void AddEvents(DbConnection connection, string events) => connection.Execute("""
        insert into trace_events (trace_id, seq, type, at, payload)
        select e.trace_id, e.seq, e.type, e.at, e.payload
        from json_to_recordset(cast(@events as json)) as e (trace_id bigint, seq bigint, type text, at bigint, payload text)
        join traces t on t.id = e.trace_id
        """, new { events });

    /// <summary>Deletes the oldest traces beyond so many bytes; running ones stay.</summary>
    public static int Displace(DbConnection connection, long maxBytes)
    {
        Begin(connection);
        return connection.Execute("""
            delete from traces
            where status <> 'running' and id in (
                select sums.id
                from (select t.id, sum(t.bytes) over (order by t.started_at desc, t.id desc) as bytes from traces t) as sums
                where sums.bytes > @maxBytes)
            """, new { maxBytes });
    }

    /// <summary>Ends the traces of processes that are gone.</summary>
    public static void EndGone(DbConnection connection)
    {
        Begin(connection);
        connection.Execute("""
            with ended as (
                update traces
                set status = 'failed', event_count = event_count + 1, truncated = true,
                    ended_at = coalesce((select max(e.at) from trace_events e where e.trace_id = traces.id), started_at)
                where status = 'running' and not exists (select 1 from nodes n where n.boot_id = traces.boot_id)
                returning id, ended_at
            )
            insert into trace_events (trace_id, seq, type, at, payload)
            select ended.id, 1 + coalesce((select max(e.seq) from trace_events e where e.trace_id = ended.id), 0), 'end', ended.ended_at,
                '{"status":"interrupted"}'
            from ended
            """);
    }
}
