using System.Net;
using System.Text;
using System.Text.Json;
using AiChat.Data.Runs;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Chat;

/// <summary>Steps that the chat tests share.</summary>
internal static class ChatSteps
{
    /// <summary>Connects the server to a fake provider, as an administrator would, and returns the connection's id.</summary>
    public static Task<long> Connect(this HttpClient admin, FakeUpstream upstream, params string[] models) =>
        Connect(admin, upstream, [], models.Length == 0 ? ["fake-model"] : models);

    /// <summary>The same with API keys, which the server tries in turn.</summary>
    public static Task<long> ConnectWithKeys(this HttpClient admin, FakeUpstream upstream, params string[] keys) =>
        Connect(admin, upstream, keys, ["fake-model"]);

    private static async Task<long> Connect(HttpClient admin, FakeUpstream upstream, string[] keys, string[] models)
    {
        var created = await (await admin.PostJson("/api/connections", new
        {
            name = keys.Length == 0 ? "Fake" : "Keys",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            authType = keys.Length == 0 ? "none" : "bearer",
            keys = keys.Length == 0 ? null : keys,
            local = true,
            modelIds = models,
        })).Json(HttpStatusCode.Created);
        return created.Id();
    }

    /// <summary>A provider that lists one model and runs the script for chats.</summary>
    public static FakeUpstream Provider(Func<FakeExchange, Task> chat) =>
        FakeUpstream.Start(exchange => exchange.Request.Method == "GET" ? OpenAiScript.Models(exchange, ["fake-model"]) : chat(exchange));

    /// <summary>The text of running answers that would survive a kill of the server now.</summary>
    public static List<RunChunk> StoredText(TestServer server)
    {
        using var store = TestStore.Open(server.DataDir);
        return store is SqliteConnection ? [.. LiveTextFile.Read(Path.Combine(server.DataDir, "app.db-live"))?.Chunks ?? []]
            : store.Query<RunChunk>("select run_id as RunId, position, kind, value from run_chunks order by position").ToList();
    }

    /// <summary>A provider that says "before ", waits for the release, says "after" and ends.</summary>
    public static FakeUpstream PausingProvider(Task release) => Provider(async exchange =>
    {
        await exchange.StartSse();
        await OpenAiScript.Piece(exchange, "before ");
        await release;
        await OpenAiScript.Piece(exchange, "after");
        await OpenAiScript.Finish(exchange, 2);
    });

    /// <summary>A provider that is silent until the start, and says "0 ", "1 " … each only when a reader has the one before.</summary>
    public static FakeUpstream SteppedProvider(Task start, SemaphoreSlim seen, int pieces) => Provider(async exchange =>
    {
        await start;
        await exchange.StartSse();
        for (var piece = 0; piece < pieces; piece++)
        {
            await OpenAiScript.Piece(exchange, $"{piece} ");
            await seen.WaitAsync();
        }

        await OpenAiScript.Finish(exchange, pieces);
    });

    /// <summary>Reads the text of an answer of <see cref="SteppedProvider"/> to its end.</summary>
    public static async Task<string> ReadSteps(this SseStream stream, SemaphoreSlim seen)
    {
        var text = "";
        await foreach (var e in stream.Events())
        {
            if (e.Event == "delta")
            {
                text += e.Json.Text("text");
                seen.Release();
            }
        }

        return text;
    }

    /// <summary>A provider that says "one ", "two " and "three", each when a piece is released.</summary>
    public static FakeUpstream ReleasedProvider(SemaphoreSlim pieces) => Provider(async exchange =>
    {
        await exchange.StartSse();
        foreach (var piece in new[] { "one ", "two ", "three" })
        {
            await pieces.WaitAsync();
            await OpenAiScript.Piece(exchange, piece);
        }

        await OpenAiScript.Finish(exchange, 3);
    });

    /// <summary>A provider that says "half" and then nothing until the server hangs up.</summary>
    public static FakeUpstream HangingProvider() => Provider(async exchange =>
    {
        await exchange.StartSse();
        await OpenAiScript.Piece(exchange, "half");
        await exchange.Stall();
    });

    /// <summary>The chat requests that the provider got so far.</summary>
    public static List<FakeExchange> Chats(this FakeUpstream upstream) =>
        [.. upstream.Exchanges.Where(exchange => exchange.Request.Method == "POST")];

    public static async Task<FakeExchange> NextChatAsync(this FakeUpstream upstream)
    {
        while (true)
        {
            var exchange = await upstream.NextRequestAsync();
            if (exchange.Request.Method == "POST")
            {
                return exchange;
            }
        }
    }

    public static async Task<long> NewSession(this HttpClient client, long? connectionId = null, string? model = null)
    {
        object body = connectionId is null ? new { } : new { connectionId, model = model ?? "fake-model" };
        var session = await (await client.PostJson("/api/sessions", body)).Json(HttpStatusCode.Created);
        return session.GetProperty("id").GetInt64();
    }

    public static string NewId() => Guid.NewGuid().ToString("N");

    public static Task<SseStream> Ask(this HttpClient client, long sessionId, string content, string? clientMessageId = null) =>
        client.PostStream("/api/chat/stream", new { sessionId, content, clientMessageId = clientMessageId ?? NewId() });

    /// <summary>Asks and reads to the end; returns the last answer of the session as it is stored.</summary>
    public static async Task<JsonElement> AskAndWait(this HttpClient client, long sessionId, string content)
    {
        await using var stream = await client.Ask(sessionId, content);
        await stream.ReadAllAsync();
        return (await client.Messages(sessionId))[^1];
    }

    public static async Task<List<JsonElement>> Messages(this HttpClient client, long sessionId) =>
        [.. (await client.GetJson($"/api/sessions/{sessionId}/messages?limit=100")).GetProperty("items").EnumerateArray()];

    public static long AssistantId(this ServerEvent start) => start.Json.GetProperty("assistantMessage").GetProperty("id").GetInt64();

    public static string? Text(this JsonElement element, string name) => element.GetProperty(name).GetString();

    public static long Id(this JsonElement element) => element.GetProperty("id").GetInt64();
}

/// <summary>One answer as the page assembles it: start clears the text, delta appends to it.</summary>
internal sealed class Transcript
{
    private readonly StringBuilder _content = new();

    public string Content => _content.ToString();

    public string? LastId { get; private set; }

    public ServerEvent? Start { get; private set; }

    public ServerEvent? Done { get; private set; }

    public void Take(ServerEvent next)
    {
        if (next.Id is not null)
        {
            Assert.True(
                LastId is null || next.Event == "start" || long.Parse(next.Id) > long.Parse(LastId),
                $"Event ids must grow: {LastId} then {next.Id}.");
            LastId = next.Id;
        }

        switch (next.Event)
        {
            case "start":
                _content.Clear();
                Start = next;
                break;
            case "delta":
                _content.Append(next.Json.Text("text"));
                break;
            case "done":
                Done = next;
                break;
        }
    }

    /// <summary>Reads until there is text.</summary>
    public async Task ReadFirst(SseStream stream)
    {
        while (_content.Length == 0)
        {
            Take((await stream.NextAsync())!);
        }
    }

    public async Task ReadAll(SseStream stream)
    {
        await foreach (var next in stream.Events())
        {
            Take(next);
        }
    }
}
