using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>Steps that the tests of task traces share.</summary>
internal static class TraceSteps
{
    public static async Task Trace(this HttpClient admin, object settings) =>
        (await admin.PatchJson("/api/settings/system", settings)).EnsureSuccessStatusCode();

    /// <summary>Asks, with or without the trace option, and reads to the end; returns the answer as it is stored.</summary>
    public static async Task<JsonElement> Record(this HttpClient client, long sessionId, string content, bool? trace = null)
    {
        object body = trace is { } on
            ? new { sessionId, content, clientMessageId = ChatSteps.NewId(), trace = on }
            : new { sessionId, content, clientMessageId = ChatSteps.NewId() };
        await using (var stream = await client.PostStream("/api/chat/stream", body))
        {
            await stream.ReadAllAsync();
        }

        return (await client.Messages(sessionId))[^1];
    }

    public static async Task<List<JsonElement>> Traces(this HttpClient admin, string query = "") =>
        [.. (await admin.GetJson("/api/task-trace" + query)).GetProperty("items").EnumerateArray()];

    public static async Task<List<JsonElement>> TraceEvents(this HttpClient admin, long id) =>
        [.. (await admin.GetJson($"/api/task-trace/{id}")).GetProperty("events").EnumerateArray()];

    /// <summary>The only trace there is, and its events, as soon as the server that writes it has stored its end.</summary>
    public static async Task<(JsonElement Trace, List<JsonElement> Events)> OnlyTrace(this HttpClient admin)
    {
        await NodesHost.Shows(async () => await admin.Traces() is [var one] && one.Text("status") != "running");
        var trace = Assert.Single(await admin.Traces());
        return (trace, await admin.TraceEvents(trace.Id()));
    }

    public static IEnumerable<string?> Types(this IEnumerable<JsonElement> events) => events.Select(item => item.Text("type"));

    public static JsonElement Payload(this IEnumerable<JsonElement> events, string type) =>
        events.Single(item => item.Text("type") == type).GetProperty("payload");
}
