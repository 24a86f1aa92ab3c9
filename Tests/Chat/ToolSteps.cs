using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>Steps that the tests of web search share.</summary>
internal static class ToolSteps
{
    public const string SearchKey = "search-CANARY-5566778899";

    /// <summary>A search engine that finds two pages for every query.</summary>
    public static FakeUpstream Engine(Func<FakeExchange, Task>? script = null) => FakeUpstream.Start(script ?? (exchange =>
        exchange.Reply(200, """
            {"results":[
                {"title":"First","url":"https://example.org/a","content":"alpha"},
                {"title":"Second","url":"https://example.com/b","content":"beta"}]}
            """)));

    /// <summary>Sets up the engine, and a provider whose model can call tools; returns a session with that model.</summary>
    public static async Task<long> SearchSession(this HttpClient admin, FakeUpstream upstream, FakeUpstream engine)
    {
        await (await admin.PatchJson("/api/settings/system", new
        {
            webSearchEnabled = true,
            webSearchEngine = "tavily",
            webSearchEndpoint = $"http://127.0.0.1:{engine.Port}",
            webSearchLocal = true,
            webSearchApiKey = SearchKey,
        })).Json();
        var created = await (await admin.PostJson("/api/connections", new
        {
            name = "Tools",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            authType = "bearer",
            keys = new[] { "sk-CANARY-provider-0011" },
            local = true,
            modelIds = new[] { "fake-model" },
            defaultCapabilities = new { tools = true },
        })).Json(HttpStatusCode.Created);
        return await admin.NewSession(created.Id());
    }

    public static Task<SseStream> AskWithSearch(this HttpClient client, long sessionId, string content) =>
        client.PostStream("/api/chat/stream", new { sessionId, content, clientMessageId = ChatSteps.NewId(), webSearch = true });

    /// <summary>A provider's reply with a text and tool calls.</summary>
    public static async Task CallTools(FakeExchange exchange, string text, params (string Name, string Arguments)[] calls)
    {
        await exchange.StartSse();
        if (text.Length > 0)
        {
            await OpenAiScript.Piece(exchange, text);
        }

        foreach (var (call, index) in calls.Select((call, index) => (call, index)))
        {
            var function = new { name = call.Name, arguments = call.Arguments };
            await exchange.SendEvent(Delta(new
            {
                tool_calls = new[] { new { index, id = $"call_{index}", type = "function", function } },
            }));
        }

        await OpenAiScript.Finish(exchange, 3, "tool_calls");
    }

    public static Task CallSearch(FakeExchange exchange, params string[] queries) =>
        CallTools(exchange, "", [.. queries.Select(query => ("web_search", JsonSerializer.Serialize(new { query })))]);

    /// <summary>Whether the request already has results of tools.</summary>
    public static bool HasResults(this FakeExchange exchange) =>
        exchange.Request.Text.Contains("\"role\":\"tool\"", StringComparison.Ordinal);

    public static List<ServerEvent> Tools(this IEnumerable<ServerEvent> events) => [.. events.Where(e => e.Event == "tool")];

    private static object Delta(object delta) => new
    {
        id = "chatcmpl-1",
        @object = "chat.completion.chunk",
        created = 1,
        model = "fake",
        choices = new[] { new { index = 0, delta, finish_reason = (string?)null } },
    };
}
