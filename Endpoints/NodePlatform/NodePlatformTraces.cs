using AiChat.Data.Accounts;
using AiChat.Data.NodePlatform;
using AiChat.Data.Traces;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>
/// Takes over task traces with their events. They stand in a file of their own, so one that was stored just before the end of the process
/// may come twice. The days for which traces are kept count from their own time, so an older one is not taken. One that came without its
/// events gets them later.
/// </summary>
internal sealed class NodePlatformTraces(
    TraceStore traces, NodePlatformStore store, Users users, SystemSettings settings, TimeProvider clock)
{
    private const string Kind = "trace";

    public async Task<Outcome[]> Take(TracesRequest request)
    {
        var outcomes = new List<Outcome>();
        foreach (var trace in request.Traces)
        {
            outcomes.Add(await Take(trace, request.DryRun));
        }

        return [.. outcomes];
    }

    private async Task<Outcome> Take(NodePlatformTrace trace, bool dryRun)
    {
        var known = await store.Find(Kind, trace.Key);
        var here = known?.Id is { } id ? await traces.Find(id) : null;
        var count = (int)(here?.EventCount ?? 0);
        if (known is not null && (here is null || count >= trace.Events.Length))
        {
            return new Outcome(trace.Key, here is null ? "deleted" : "present", Count: count);
        }

        var days = settings.TaskTraceRetentionDays;
        if (known is null && trace.StartedAt < clock.GetUtcNow().AddDays(-days).ToUnixTimeMilliseconds())
        {
            return new Outcome(
                trace.Key, "expired", Why: $"they are older than the {days} days for which traces are kept here (taskTraceRetentionDays)");
        }

        var added = new Outcome(trace.Key, here is null ? "added" : "grown", Count: trace.Events.Length - count);
        if (dryRun)
        {
            return added;
        }

        if (await users.Find(trace.UserId) is not { } user)
        {
            return new Outcome(trace.Key, "deleted");
        }

        var (sessionId, messageId) = trace.ChatKey is { } chat ? await store.Place(trace.UserId, chat, trace.MessageKey) : default;
        var ids = await traces.Write(
        [
            new TraceBatch
            {
                Id = here?.Id ?? 0,
                Head = new TraceHead
                {
                    UserId = trace.UserId,
                    Actor = user.Username ?? "",
                    Kind = "imported",
                    ClientMessageId = trace.ClientMessageId,
                    Provider = trace.Provider,
                    Model = trace.Model,
                    StartedAt = trace.StartedAt,
                },
                Events = [.. trace.Events.Skip(count).Select((item, at) => new TraceEventRow
                {
                    Seq = count + at + 1,
                    Type = item.Type,
                    At = item.At,
                    Payload = item.Payload,
                })],
                SessionId = sessionId,
                MessageId = messageId,
                Status = trace.Status,
                EndedAt = trace.EndedAt,
                EventCount = trace.Events.Length,
                Truncated = trace.EventCount > trace.Events.Length,
            },
        ]);
        if (known is null)
        {
            await store.Add(Kind, trace.Key, ids[0]);
        }

        return added;
    }
}
