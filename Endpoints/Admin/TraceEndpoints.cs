using System.Text.Json;
using System.Text.Json.Serialization;
using AiChat.Data.Audit;
using AiChat.Data.Traces;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;

namespace AiChat.Endpoints.Admin;

/// <summary>Recorded requests, for administrators. Opening another user's trace is written to the audit log before it is shown.</summary>
internal static class TraceEndpoints
{
    private const int MaxShown = 2_000;
    private const int Batch = 200;

    public static void MapTraces(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/task-trace").Allow(Access.Admin);
        group.MapGet("", List);
        group.MapGet("/{id:long}", Get);
        group.MapGet("/{id:long}/export", Export);
        group.MapPost("/cleanup", CleanUp);
        group.MapDelete("/{id:long}", Delete);
        group.MapDelete("", DeleteAll);
    }

    private static async Task<IResult> List(
        int? page, int? pageSize, long? sessionId, string? status, string? q, TraceStore traces, TaskTraces recorder)
    {
        var (number, size) = (page ?? 1, pageSize ?? 20);
        if (number is < 1 or > 1_000_000)
        {
            return Problems.Invalid("page", "From 1 on.");
        }

        if (size is < 1 or > 100)
        {
            return Problems.Invalid("pageSize", "From 1 to 100.");
        }

        if (status is not (null or "" or "running" or "completed" or "failed" or "stopped"))
        {
            return Problems.Invalid("status", "running, completed, failed or stopped.");
        }

        if (q is { Length: > 200 })
        {
            return Problems.Invalid("q", "At most 200 characters.");
        }

        await recorder.Stored();
        var filter = new TraceFilter(
            sessionId, status is "" ? null : status, q?.Trim() is { Length: > 0 } text ? text.ToLowerInvariant() : null);
        var (rows, total) = await traces.List(filter, size, (number - 1L) * size);
        return TypedResults.Ok(new TracePage([.. rows.Select(TraceResponse.From)], total, number, size));
    }

    private static async Task<IResult> Get(
        long id, CurrentUser me, TraceStore traces, TaskTraces recorder, AuditLog audit, TimeProvider clock)
    {
        if (await Find(id, "trace.view", me, traces, recorder, audit, clock) is not { } row)
        {
            return Problems.NotFound();
        }

        var events = await traces.Events(id, 0, MaxShown);
        return TypedResults.Ok(new TraceDetail(
            TraceResponse.From(row), [.. events.Select(TraceEventResponse.From)], row.Truncated || row.EventCount > MaxShown));
    }

    private static async Task<IResult> Export(
        long id, CurrentUser me, HttpContext context, TraceStore traces, TaskTraces recorder, AuditLog audit, TimeProvider clock) =>
        await Find(id, "trace.export", me, traces, recorder, audit, clock) is { } row
            ? TypedResults.Stream(
                output => TraceText.Write(output, row, traces, context.RequestAborted), "text/plain; charset=utf-8", $"trace-{id}.txt")
            : Problems.NotFound();

    private static async Task<IResult> CleanUp(
        TraceCleanup body, CurrentUser me, TraceStore traces, SystemSettings settings, AuditLog audit, TimeProvider clock)
    {
        var days = body.RetentionDays ?? settings.TaskTraceRetentionDays;
        if (days is < 1 or > 365)
        {
            return Problems.Invalid("retentionDays", "From 1 to 365.");
        }

        var now = clock.GetUtcNow();
        await audit.Write(me.Audit("trace.cleanup", "traces", $"{days} days"), now);
        return TypedResults.Ok(new DeletedResponse(await DeleteBefore(traces, now.AddDays(-days))));
    }

    private static async Task<IResult> Delete(
        long id, CurrentUser me, TraceStore traces, TaskTraces recorder, AuditLog audit, TimeProvider clock)
    {
        await recorder.Stored();
        if (await traces.Find(id) is not { } row)
        {
            return Problems.NotFound();
        }

        await audit.Write(me.Audit("trace.delete", $"trace:{id}", $"user:{row.UserId}"), clock.GetUtcNow());
        return await traces.Delete(id) > 0 ? TypedResults.NoContent() : Problems.NotFound();
    }

    /// <summary>Deletes all traces except running ones.</summary>
    private static async Task<IResult> DeleteAll(CurrentUser me, TraceStore traces, TaskTraces recorder, AuditLog audit, TimeProvider clock)
    {
        await recorder.Stored();
        var now = clock.GetUtcNow();
        await audit.Write(me.Audit("trace.delete", "traces", "all"), now);
        return TypedResults.Ok(new DeletedResponse(await DeleteBefore(traces, now.AddMilliseconds(1))));
    }

    private static async Task<int> DeleteBefore(TraceStore traces, DateTimeOffset before)
    {
        var (all, some) = (0, 0);
        do
        {
            some = await traces.DeleteBefore(before, Batch);
            all += some;
        }
        while (some == Batch);
        return all;
    }

    private static async Task<TraceRow?> Find(
        long id, string action, CurrentUser me, TraceStore traces, TaskTraces recorder, AuditLog audit, TimeProvider clock)
    {
        await recorder.Stored();
        var row = await traces.Find(id);
        if (row is not null && row.UserId != me.Id)
        {
            await audit.Write(me.Audit(action, $"trace:{id}", $"user:{row.UserId}"), clock.GetUtcNow());
        }

        return row;
    }
}

/// <summary>Without days the setting applies.</summary>
internal sealed record TraceCleanup(int? RetentionDays = null);

internal sealed record TracePage(IReadOnlyList<TraceResponse> Items, long Total, int Page, int PageSize);

internal sealed record TraceDetail(TraceResponse Trace, IReadOnlyList<TraceEventResponse> Events, bool Truncated);

internal sealed record TraceResponse(
    long Id,
    long UserId,
    string Actor,
    string Kind,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? SessionId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? MessageId,
    string? ClientMessageId,
    string? Provider,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Model,
    string Status,
    DateTimeOffset StartedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? EndedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? DurationMs,
    long EventCount,
    bool Truncated)
{
    public static TraceResponse From(TraceRow row) => new(
        row.Id, row.UserId, row.Actor, row.Kind, row.SessionId, row.MessageId, row.ClientMessageId, row.Provider, row.Model, row.Status,
        DateTimeOffset.FromUnixTimeMilliseconds(row.StartedAt),
        row.EndedAt is { } end ? DateTimeOffset.FromUnixTimeMilliseconds(end) : null,
        row.EndedAt - row.StartedAt, row.EventCount, row.Truncated);
}

internal sealed record TraceEventResponse(long Seq, string Type, DateTimeOffset At, Dictionary<string, JsonElement> Payload)
{
    public static TraceEventResponse From(TraceEventRow row) => new(
        row.Seq, row.Type, DateTimeOffset.FromUnixTimeMilliseconds(row.At),
        JsonSerializer.Deserialize(row.Payload, HttpJson.Wire.DictionaryStringJsonElement) ?? []);
}
