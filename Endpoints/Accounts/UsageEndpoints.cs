using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Chats;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Accounts;

/// <summary>Usage of a chat, of the caller and, for administrators, of everybody. Days are UTC days.</summary>
internal static class UsageEndpoints
{
    private const int DefaultDays = 30;
    private const int MaxDays = 366;

    public static void MapUsage(this RouteGroupBuilder api)
    {
        api.MapGet("/sessions/{id:long}/usage", OfSession).Allow(Access.Any);
        api.MapGet("/usage/summary", Own).Allow(Access.User);
        api.MapGet("/admin/usage", All).Allow(Access.Admin);
    }

    private static async Task<IResult> OfSession(
        long id, CurrentUser me, Sessions sessions, UsageReports reports, ModelCatalog catalog, PromptBuilder prompts)
    {
        if (await sessions.Find(me.Id, id) is not { } session)
        {
            return Problems.NotFound();
        }

        var total = UsageLine.From(await reports.OfSession(me.Id, id), UsageBy.Session);
        var last = await reports.LastOfSession(me.Id, id);
        var model = catalog.Resolve(me.Id, me.IsAdmin, session.ConnectionId, session.Model)
            ?? catalog.Resolve(me.Id, me.IsAdmin, null, null);
        var context = model is null ? null : await prompts.Measure(session, model);
        return TypedResults.Json(
            new SessionUsageResponse(
                total, last is null ? null : LastCallResponse.From(last),
                new ContextResponse(
                    context?.PromptTokens ?? 0, context?.ContextLimit, context?.TrimmedTurns ?? 0, context?.FirstMessageId,
                    context?.MessageTokens)),
            AccountsJson.Wire.SessionUsageResponse);
    }

    private static async Task<IResult> Own(
        CurrentUser me, UsageReports reports, TimeProvider clock, string? from, string? to, string? by, CancellationToken cancel)
    {
        UsageBy? group = by switch { null or "day" => UsageBy.Day, "model" => UsageBy.Model, "session" => UsageBy.Session, _ => null };
        if (group is null)
        {
            return Problems.Invalid("by", "is day, model or session");
        }

        return Range(from, to, clock, out var first, out var end) is { } wrong
            ? wrong
            : TypedResults.Json(
                UsageResponseOf(await reports.OfUser(me.Id, group.Value, Ms(first), Ms(end), cancel), group.Value, first, end),
                AccountsJson.Wire.UsageSummary);
    }

    private static async Task<IResult> All(
        CurrentUser me, UsageReports reports, TimeProvider clock, string? from, string? to, string? by, string? format,
        CancellationToken cancel)
    {
        UsageBy? group = by switch
        {
            null or "day" => UsageBy.Day,
            "model" => UsageBy.Model,
            "user" => UsageBy.User,
            "connection" => UsageBy.Connection,
            _ => null,
        };
        if (group is null)
        {
            return Problems.Invalid("by", "is day, model, user or connection");
        }

        if (format is not (null or "json" or "csv"))
        {
            return Problems.Invalid("format", "is json or csv");
        }

        if (Range(from, to, clock, out var first, out var end) is { } wrong)
        {
            return wrong;
        }

        var summary = UsageResponseOf(await reports.OfAll(me.Id, group.Value, Ms(first), Ms(end), cancel), group.Value, first, end);
        return format == "csv"
            ? TypedResults.File(Encoding.UTF8.GetBytes(UsageCsv.From(summary)), "text/csv; charset=utf-8", $"usage-by-{summary.By}.csv")
            : TypedResults.Json(summary, AccountsJson.Wire.UsageSummary);
    }

    private static UsageSummary UsageResponseOf(List<UsageSums> rows, UsageBy by, DateTimeOffset from, DateTimeOffset to)
    {
        var items = rows.ConvertAll(row => UsageLine.From(row, by));
        return new UsageSummary(from, to, by.ToString().ToLowerInvariant(), UsageLine.Total(items), items);
    }

    /// <summary>Dates as in 2026-11-23, the last day included; by default the last 30 days.</summary>
    private static Problem? Range(string? from, string? to, TimeProvider clock, out DateTimeOffset first, out DateTimeOffset end)
    {
        var today = UtcDay.StartOf(UtcDay.From(clock.GetUtcNow()));
        end = Date(to) is { } last ? last.AddDays(1) : today.AddDays(1);
        first = Date(from) ?? end.AddDays(-DefaultDays);
        return (from is not null && Date(from) is null) ? Problems.Invalid("from", "is a date such as 2026-11-23")
            : (to is not null && Date(to) is null) ? Problems.Invalid("to", "is a date such as 2026-11-23")
            : first >= end || end - first > TimeSpan.FromDays(MaxDays) ? Problems.Invalid("from", $"is at most {MaxDays} days before to")
            : null;
    }

    private static DateTimeOffset? Date(string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            && date.Year is > 1970 and < 9_000
            ? new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero) : null;

    private static long Ms(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}

internal sealed record UsageSummary(DateTimeOffset From, DateTimeOffset To, string By, UsageLine Total, IReadOnlyList<UsageLine> Items);

internal sealed record UsageLine
{
    /// <summary>The day as in 2026-11-23, when grouped by day.</summary>
    public string? Day { get; init; }

    public long? Id { get; init; }

    public string? Name { get; init; }

    public string? Provider { get; init; }

    public required long Calls { get; init; }

    public required long PromptTokens { get; init; }

    public required long CompletionTokens { get; init; }

    public required long ReasoningTokens { get; init; }

    public required long CachedTokens { get; init; }

    public required long TotalTokens { get; init; }

    public required decimal Cost { get; init; }

    /// <summary>What the providers' prompt caches saved; negative where filling them cost more than they saved.</summary>
    public required decimal Saved { get; init; }

    /// <summary>Calls that failed after the answer had begun.</summary>
    public required long Failed { get; init; }

    public long? AverageFirstTokenMs { get; init; }

    public static UsageLine From(UsageSums row, UsageBy by) => new()
    {
        Day = by == UsageBy.Day && row.Id is { } day ? UtcDay.StartOf(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) : null,
        Id = by == UsageBy.Day ? null : row.Id,
        Name = row.Name,
        Provider = row.Provider,
        Calls = row.Calls,
        PromptTokens = row.PromptTokens ?? 0,
        CompletionTokens = row.CompletionTokens ?? 0,
        ReasoningTokens = row.ReasoningTokens ?? 0,
        CachedTokens = row.CachedTokens ?? 0,
        TotalTokens = (row.PromptTokens + row.CompletionTokens) ?? 0,
        Cost = QuotaPolicy.Amount(row.CostNanos) ?? 0,
        Saved = QuotaPolicy.Amount(row.SavedNanos) ?? 0,
        Failed = row.Failed ?? 0,
        AverageFirstTokenMs = row.AverageFirstTokenMs,
    };

    public static UsageLine Total(IReadOnlyList<UsageLine> lines) => new()
    {
        Calls = lines.Sum(line => line.Calls),
        PromptTokens = lines.Sum(line => line.PromptTokens),
        CompletionTokens = lines.Sum(line => line.CompletionTokens),
        ReasoningTokens = lines.Sum(line => line.ReasoningTokens),
        CachedTokens = lines.Sum(line => line.CachedTokens),
        TotalTokens = lines.Sum(line => line.TotalTokens),
        Cost = lines.Sum(line => line.Cost),
        Saved = lines.Sum(line => line.Saved),
        Failed = lines.Sum(line => line.Failed),
    };
}

/// <summary>The context is the prompt that the next question extends.</summary>
internal sealed record SessionUsageResponse(UsageLine Total, LastCallResponse? Last, ContextResponse Context);

internal sealed record LastCallResponse(
    long? MessageId, string Model, long PromptTokens, long CompletionTokens, long ReasoningTokens, long CachedTokens, long TotalTokens,
    decimal Cost, string Source)
{
    public static LastCallResponse From(LastCallRow row) => new(
        row.MessageId, row.Model, row.PromptTokens, row.CompletionTokens, row.ReasoningTokens, row.CachedTokens,
        row.PromptTokens + row.CompletionTokens, QuotaPolicy.Amount(row.CostNanos)!.Value, row.Source);
}

/// <summary>
/// Size of the active branch as a prompt for the chat's model. TrimmedMessages counts those that no longer fit, FirstMessageId is the
/// oldest that is sent, MessageTokens the longest message that fits, by the page's own estimate.
/// </summary>
internal sealed record ContextResponse(
    long PromptTokens, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? ContextLimit, int TrimmedMessages,
    long? FirstMessageId, int? MessageTokens);

/// <summary>CSV for spreadsheets: a text that would be read as a formula is prefixed with an apostrophe.</summary>
internal static class UsageCsv
{
    private const string Header = "day,id,name,provider,calls,prompt_tokens,completion_tokens,reasoning_tokens,cached_tokens,"
        + "total_tokens,cost,failed,average_first_token_ms,saved";

    public static string From(UsageSummary summary)
    {
        var text = new StringBuilder(Header).Append("\r\n");
        foreach (var line in summary.Items)
        {
            text.AppendJoin(
                ',', Text(line.Day), line.Id, Text(line.Name), Text(line.Provider), line.Calls, line.PromptTokens, line.CompletionTokens,
                line.ReasoningTokens, line.CachedTokens, line.TotalTokens, line.Cost.ToString(CultureInfo.InvariantCulture), line.Failed,
                line.AverageFirstTokenMs, line.Saved.ToString(CultureInfo.InvariantCulture)).Append("\r\n");
        }

        return text.ToString();
    }

    private static string Text(string? value)
    {
        if (value is not { Length: > 0 })
        {
            return "";
        }

        var safe = value[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' ? "'" + value : value;
        return $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
