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
