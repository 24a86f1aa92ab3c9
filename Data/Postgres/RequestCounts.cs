using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>What users and keys have asked of each process lately, as the processes on one database tell each other.</summary>
internal static class RequestCounts
{
    public static void Add(DbConnection connection, string bootId, IReadOnlyList<RequestCount> counts)
    {
        var list = Json(counts);
        connection.Execute("""
            insert into request_counts (boot_id, user_id, key_id, count)
            select @bootId, c."UserId", c."KeyId", c."Count"
            from json_to_recordset(cast(@list as json)) as c ("UserId" bigint, "KeyId" bigint, "Count" bigint)
            """, new { bootId, list });
        connection.Execute("""
            insert into request_ticks (boot_id, tick) values (@bootId, 1)
            on conflict (boot_id) do update set tick = request_ticks.tick + 1
            """, new { bootId });
    }

    /// <summary>How often each of the others has told.</summary>
    public static List<RequestTick> Ticks(DbConnection connection, string bootId) => connection.Query<RequestTick>("""
        select n.boot_id, coalesce(t.tick, 0) as tick
        from nodes n
        left join request_ticks t on t.boot_id = n.boot_id
        where n.boot_id <> @bootId
        """, new { bootId }).ToList();

    /// <summary>Those of others that are newer than an id; older than a minute, none limits anybody.</summary>
    public static List<RequestCount> Since(DbConnection connection, string bootId, long after) => connection.Query<RequestCount>("""
        select id, user_id, key_id, count from request_counts
        where id > @after and boot_id <> @bootId and at > clock_timestamp() - interval '1 minute'
        order by id
        limit 100000
        """, new { bootId, after }).ToList();

    /// <summary>Apart from the statement, whose compiler does not see what another compiler makes of the JSON type.</summary>
    private static string Json(IReadOnlyList<RequestCount> counts) =>
        JsonSerializer.Serialize(counts, RequestCountJson.Default.IReadOnlyListRequestCount);

    public static void Forget(DbConnection connection)
    {
        connection.Execute("delete from request_counts where at < clock_timestamp() - interval '2 minutes'");
        connection.Execute("delete from request_ticks where boot_id not in (select boot_id from nodes)");
    }
}

internal sealed record RequestTick
{
    public string BootId { get; init; } = "";

    public long Tick { get; init; }
}

/// <summary>Requests of one user, or with one of its keys.</summary>
internal sealed record RequestCount
{
    public long Id { get; init; }

    public long UserId { get; init; }

    /// <summary>0 is none.</summary>
    public long KeyId { get; init; }

    public long Count { get; init; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Serialization)]
[JsonSerializable(typeof(IReadOnlyList<RequestCount>))]
internal sealed partial class RequestCountJson : JsonSerializerContext;
