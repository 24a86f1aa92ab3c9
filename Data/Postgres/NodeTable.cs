using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>The processes on one database, what each tells the others, and what one of them does for all.</summary>
internal static class NodeTable
{
    /// <summary>A process whose row is older than this may be declared gone; each renews its own every two seconds.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(6);

    /// <summary>A row older than that has missed its time.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromSeconds(2.5);

    /// <summary>A row is committed later than its time says, at most by the limit of a statement.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromSeconds(10);

    /// <summary>Adds a process. An earlier one at its place is gone, because two cannot hold it.</summary>
    /// <param name="place">Names the data folder, which this process holds.</param>
    /// <param name="images">Where it keeps its images; null as long as that is not known.</param>
    public static void Join(DbConnection connection, string bootId, string place, string version, string? images)
    {
        connection.Execute("delete from nodes where place = @place and boot_id <> @bootId", new { place, bootId });
        connection.Execute("""
            insert into nodes (boot_id, place, version, images) values (@bootId, @place, @version, @images)
            on conflict (boot_id) do update set renewed_at = clock_timestamp()
            """, new { bootId, place, version, images });
    }

    /// <returns>False when this process was declared gone.</returns>
    public static bool Renew(DbConnection connection, string bootId, string? address, bool draining) => connection.Execute("""
        update nodes set renewed_at = clock_timestamp(), address = @address, draining = @draining where boot_id = @bootId
        """, new { bootId, address, draining }) > 0;

    public static int ShowImages(DbConnection connection, string bootId, string? images) =>
        connection.Execute("update nodes set images = @images where boot_id = @bootId", new { bootId, images });

    public static List<NodeRow> List(DbConnection connection) => connection.Query<NodeRow>("""
        select boot_id, place, address, draining, images, cast(extract(epoch from clock_timestamp() - renewed_at) * 1000 as bigint) as age
        from nodes
        order by started_at, boot_id
        limit 1000
        """).ToList();

    /// <summary>
    /// Declares a process gone, once. Waits for what it is beginning now, which locks the row; afterwards it can begin nothing.
    /// </summary>
    /// <param name="age">How long its row must not have been renewed, in milliseconds; 0 where it is known to be gone.</param>
    public static bool Remove(DbConnection connection, string bootId, long age) => connection.Execute("""
        delete from nodes
        where boot_id = @bootId and (@age = 0 or cast(extract(epoch from clock_timestamp() - renewed_at) * 1000 as bigint) >= @age)
        """, new { bootId, age }) > 0;

    /// <summary>
    /// What was told in the last so many milliseconds, and whatever is newer than the newest that is known, which a clock that was put
    /// forward would hide.
    /// </summary>
    public static List<ChangeRow> Changes(DbConnection connection, long milliseconds, long newest) => connection.Query<ChangeRow>("""
        select id, kind, key from changes
        where at > clock_timestamp() - @milliseconds * interval '1 millisecond' or id > @newest
        order by id
        limit 100000
        """, new { milliseconds, newest }).ToList();

    public static void Tell(DbConnection connection, string kind, string key) =>
        connection.Execute("insert into changes (kind, key) values (@kind, @key)", new { kind, key });

    /// <summary>Removes what every process has read, or will not read because it reads everything anew.</summary>
    public static int Forget(DbConnection connection) =>
        connection.Execute("delete from changes where at < clock_timestamp() - interval '10 minutes'");

    /// <summary>Takes a task for so many seconds unless another process has it.</summary>
    public static bool TryTake(DbConnection connection, string name, string bootId, long seconds) => connection.Execute("""
        insert into task_leases (name, boot_id, until) values (@name, @bootId, clock_timestamp() + @seconds * interval '1 second')
        on conflict (name) do update set boot_id = excluded.boot_id, until = excluded.until
        where task_leases.until < clock_timestamp() or task_leases.boot_id = excluded.boot_id
            or not exists (select 1 from nodes where nodes.boot_id = task_leases.boot_id)
        """, new { name, bootId, seconds }) > 0;

    /// <summary>Ends a task before its time is over, if the process has it.</summary>
    public static int GiveBack(DbConnection connection, string name, string bootId) =>
        connection.Execute("delete from task_leases where name = @name and boot_id = @bootId", new { name, bootId });

    /// <summary>Runs whose process is gone.</summary>
    public static List<long> Orphans(DbConnection connection) => connection.Query<long>("""
        select id from runs
        where status = 'running' and not exists (select 1 from nodes where nodes.boot_id = runs.boot_id)
        order by id
        limit 100000
        """).ToList();

    /// <summary>The running answers of one user, in this process or another.</summary>
    public static List<RunningRow> Running(DbConnection connection, long userId) => connection.Query<RunningRow>("""
        select r.id as run_id, r.session_id, r.message_id, r.boot_id, r.started_at, n.address
        from runs r
        left join nodes n on n.boot_id = r.boot_id
        where r.user_id = @userId and r.status = 'running'
        order by r.message_id
        limit 1000
        """, new { userId }).ToList();

    /// <summary>The running answer of a message.</summary>
    public static RunningRow? Running(DbConnection connection, long userId, long messageId) =>
        connection.QueryFirstOrDefault<RunningRow>("""
            select r.id as run_id, r.session_id, r.message_id, r.boot_id, r.started_at, n.address
            from runs r
            left join nodes n on n.boot_id = r.boot_id
            where r.message_id = @messageId and r.user_id = @userId and r.status = 'running'
            """, new { userId, messageId });
}

/// <summary>A process on the database.</summary>
internal sealed record NodeRow
{
    public string BootId { get; init; } = "";

    /// <summary>Names its data folder, whatever process has it.</summary>
    public string Place { get; init; } = "";

    /// <summary>Where others reach it; null while it does not listen, or when nobody has said where.</summary>
    public string? Address { get; init; }

    /// <summary>It listens no more, and ends what it has begun.</summary>
    public bool Draining { get; init; }

    /// <summary>Where it keeps images; empty where that is not known to be the database's place, null where it has not said.</summary>
    public string? Images { get; init; }

    /// <summary>Milliseconds since it was heard of, by the clock of the database; negative when that was put back meanwhile.</summary>
    public long Age { get; init; }

    public bool IsLate => Math.Abs(Age) > NodeTable.Late.TotalMilliseconds;
}

/// <summary>What a process has in memory and must read again, or is to do.</summary>
internal sealed record ChangeRow
{
    public long Id { get; init; }

    public string Kind { get; init; } = "";

    public string Key { get; init; } = "";
}

/// <summary>An answer that is being written.</summary>
internal sealed record RunningRow
{
    public long RunId { get; init; }

    public long SessionId { get; init; }

    public long MessageId { get; init; }

    public string BootId { get; init; } = "";

    /// <summary>Of the process that writes it; null where none is known.</summary>
    public string? Address { get; init; }

    public long StartedAt { get; init; }
}
