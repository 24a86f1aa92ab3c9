using System.Text.Json.Serialization;
using AiChat.Data.Audit;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Admin;

/// <summary>Who did what, for administrators.</summary>
internal static class AuditEndpoints
{
    public static void MapAudit(this RouteGroupBuilder api) => api.MapGet("/audit", List).Allow(Access.Admin);

    private static async Task<IResult> List(AuditLog audit, string? cursor, int? limit)
    {
        var page = limit ?? 50;
        if (page is < 1 or > 100)
        {
            return Problems.Invalid("limit", "From 1 to 100.");
        }

        if (Cursor.Parse(cursor, long.MaxValue) is not { } before)
        {
            return Cursor.Invalid();
        }

        var rows = await audit.List(before, page + 1);
        var next = rows.Count > page ? Cursor.From(rows[page - 1].Id) : null;
        return TypedResults.Ok(new AuditPage([.. rows.Take(page).Select(AuditResponse.From)], next));
    }
}

internal sealed record AuditPage(
    IReadOnlyList<AuditResponse> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

/// <summary>Actor is the name that the account has today; it is missing when nobody was signed in or the account is gone.</summary>
internal sealed record AuditResponse(long Id, long? ActorId, string? Actor, string Action, string? Target, string? Detail, string? Ip, DateTimeOffset At)
{
    public static AuditResponse From(AuditRow row) => new(
        row.Id, row.ActorId, row.Actor, row.Action, row.Target, row.Detail, row.Ip, DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt));
}
