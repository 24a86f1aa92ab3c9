using AiChat.Endpoints.Http;

namespace AiChat.Endpoints;

/// <summary>Whether the process turns, and whether it can write.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this RouteGroupBuilder api)
    {
        api.MapMethods("/health", ["GET", "HEAD"], Alive).Allow(Access.Public);
        api.MapMethods("/settings/health", ["GET", "HEAD"], Ready).Allow(Access.Public);
    }

    private static HealthResponse Alive() => new("ok");

    private static async Task<IResult> Ready(Readiness readiness) => await readiness.CanWrite()
        ? TypedResults.Ok(new HealthResponse("ok"))
        : TypedResults.Json(new HealthResponse("unavailable"), ApiJson.Wire.HealthResponse, statusCode: 503);
}

public sealed record HealthResponse(string Status);
