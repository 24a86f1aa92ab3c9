using System.Data.Common;
using Dapper;

namespace AiChat.Data.Runs;

/// <summary>Limits the number of answers to the same question.</summary>
internal static class Versions
{
    /// <summary>
    /// Removes the oldest siblings of a new, finished answer until the limit holds. Never removes the answer that is shown, one with
    /// messages after it, or the last one of a shared link.
    /// </summary>
    /// <returns>The ids of the removed answers.</returns>
    public static IReadOnlyList<long> Prune(DbConnection connection, FinishedRun run)
    {
        var removed = connection.Query<long>("""
            delete from messages where id in (
                select m.id
                from messages fresh
                join messages m on m.parent_id = fresh.parent_id and m.id <> fresh.id
                where fresh.id = @MessageId and m.role = 'assistant' and m.status <> 'streaming'
                    and m.id is distinct from (select leaf_id from sessions where id = @SessionId)
                    and not exists (select 1 from messages child where child.parent_id = m.id)
                    and not exists (select 1 from shares where leaf_id = m.id)
                order by m.id
                limit (
                    select case when count(*) > @KeptVersions then count(*) - @KeptVersions else 0 end
                    from messages fresh
                    join messages m on m.parent_id = fresh.parent_id
                    where fresh.id = @MessageId and m.role = 'assistant')
            )
            returning id
            """, new { run.MessageId, run.SessionId, run.KeptVersions }).ToList();
        if (removed.Count > 0)
        {
            connection.Execute("""
                update sessions set message_count = message_count - @removed where id = @SessionId
                """, new { removed = removed.Count, run.SessionId });
        }

        return removed;
    }
}
