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
    }

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

    public static int Nodes(DbConnection connection) => connection.ExecuteScalar<int>("select cast(count(*) as integer) from nodes");

    public static void Forget(DbConnection connection) =>
        connection.Execute("delete from request_counts where at < clock_timestamp() - interval '2 minutes'");
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
