using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Admin;

/// <summary>Liveness of the process, and readiness: the database is sound and takes writes.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this RouteGroupBuilder api)
    {
        api.MapMethods("/health", ["GET", "HEAD"], Alive).Allow(Access.Public);
        api.MapMethods("/settings/health", ["GET", "HEAD"], Ready).Allow(Access.Public);
    }

    private static HealthResponse Alive() => new("ok");

    private static async Task<IResult> Ready(Readiness readiness, StoreCheck check)
    {
        var status = !await readiness.CanWrite() ? "unavailable" : check.Damage is not null ? "damaged" : "ok";
        return TypedResults.Json(new HealthResponse(status), AdminJson.Wire.HealthResponse, statusCode: status == "ok" ? 200 : 503);
    }
}

public sealed record HealthResponse(string Status);
