using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>Rows of text of running answers, many in one statement.</summary>
internal static class ChunkRows
{
    /// <summary>Adds those of runs that go on; what is there already stays.</summary>
    /// <param name="chunks">A JSON list of objects with runId, position, kind and value.</param>
    public static void Insert(DbConnection connection, string chunks) => connection.Execute("""
        insert into run_chunks (run_id, position, kind, value)
        select c."runId", c.position, c.kind, c.value
        from json_to_recordset(cast(@chunks as json)) as c ("runId" bigint, position bigint, kind text, value text)
        join runs r on r.id = c."runId" and r.status = 'running'
        on conflict (run_id, position) do nothing
        """, new { chunks });

    /// <summary>Adds one of a run that goes on, without a copy of it.</summary>
    public static void Insert(DbConnection connection, long runId, long position, string kind, string value) => connection.Execute("""
        insert into run_chunks (run_id, position, kind, value)
        select id, @position, @kind, @value from runs where id = @runId and status = 'running'
        on conflict (run_id, position) do nothing
        """, new { runId, position, kind, value });

    /// <summary>The answer has its text.</summary>
    public static void Delete(DbConnection connection, long runId) =>
        connection.Execute("delete from run_chunks where run_id = @runId", new { runId });
}
