using System.Text.Json;

namespace AiChat.Endpoints.Runs;

/// <summary>One event of a tool call as a message row keeps it, with the position before it.</summary>
internal sealed record StoredToolEvent(long Position, ToolCallResponse Event);

/// <summary>The tool calls of an answer as they are stored: all events in order, so that a replay sends them in their places.</summary>
internal static class ToolEvents
{
    public static IReadOnlyList<StoredToolEvent> Parse(string? json) =>
        json is null ? [] : JsonSerializer.Deserialize(json, RunsJson.Wire.IReadOnlyListStoredToolEvent) ?? [];

    /// <summary>The calls, each with its latest status; when the answer has ended, a call without an end counts as failed.</summary>
    /// <param name="ended">The answer has ended.</param>
    public static IReadOnlyList<ToolCallResponse> Calls(string? json, bool ended)
    {
        var calls = new List<ToolCallResponse>();
        foreach (var (_, next) in Parse(json))
        {
            var at = calls.FindIndex(call => call.Id == next.Id);
            if (at < 0)
            {
                calls.Add(next);
            }
            else
            {
                calls[at] = next with { Arguments = next.Arguments ?? calls[at].Arguments };
            }
        }

        return ended
            ? calls.ConvertAll(call => call.Status == "running" ? call with { Status = "failed", Error = "Interrupted." } : call)
            : calls;
    }
}
