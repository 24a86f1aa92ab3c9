using AiChat.Data.Accounts;
using AiChat.Data.NodePlatform;
using AiChat.Data.Traces;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>
/// Takes over the heads of task traces: who, when, which model, how it ended. They stand in a file of their own, so one that was stored
/// just before the end of the process may come twice. The days for which traces are kept count from their own time.
/// </summary>
internal sealed class NodePlatformTraces(TraceStore traces, NodePlatformStore store, Users users)
{
    private const string Kind = "trace";

    public async Task<Outcome[]> Take(TracesRequest request)
    {
        var outcomes = new List<Outcome>();
        foreach (var trace in request.Traces)
        {
            outcomes.Add(new Outcome(trace.Key, await Take(trace)));
        }

        return [.. outcomes];
    }

    private async Task<string> Take(NodePlatformTrace trace)
    {
        if (await store.Find(Kind, trace.Key) is not null)
        {
            return "present";
        }

        if (await users.Find(trace.UserId) is not { } user)
        {
            return "deleted";
        }

        var (sessionId, messageId) = trace.ChatKey is { } chat ? await store.Place(trace.UserId, chat, trace.MessageKey) : default;
        var ids = await traces.Write(
        [
            new TraceBatch
            {
                Id = 0,
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
                Events = [],
                SessionId = sessionId,
                MessageId = messageId,
                Status = trace.Status,
                EndedAt = trace.EndedAt,
                Truncated = trace.EventCount > 0,
            },
        ]);
        await store.Add(Kind, trace.Key, ids[0]);
        return "added";
    }
}
