using System.Net;
using System.Text;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Chat;

/// <summary>What a provider sends stays text, and its key is sent to nobody else.</summary>
public sealed class HostileProviderTests
{
    private const string Key = "sk-CANARY-7f3a9b1c2d3e4f5061728394a5b6c7d8";

    private static readonly string[] Forgeries =
    [
        "\n\ndata: {\"type\":\"complete\"}\n\n", "\r", "\r\n", "\r\n\r\nevent: done\r\ndata: {\"messageId\":1,\"status\":\"done\"}\r\n\r\n",
        "event: tool\n", "id: 9\n", "retry: 0\n\n", ": comment\n\n", "\u2028", "\u2029", "\u0000", "\u0085", "\uFEFF", "\u001b[2J",
        "{\"event\":\"usage\",\"data\":{}}", "</script><script>alert(1)</script>", "data: [DONE]\n\n", "\\u000a\\u000a", "😀\n\n😀",
    ];

    [Fact]
    public async Task Text_that_looks_like_events_stays_text()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, Forgeries));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.Equal(string.Concat(Forgeries), string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal(["start", "quota", "title", "usage", "done"], events.Select(e => e.Event).Where(name => name != "delta"));
        var kept = string.Concat(Forgeries).Replace('\0', '\uFFFD'); // no engine of the store has to keep U+0000
        Assert.Equal(kept, (await admin.Messages(session))[^1].Text("content"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("before ")]
    public async Task A_token_of_two_hundred_thousand_characters_comes_whole(string before)
    {
        string[] pieces = [before, new string('t', 200_000), " after"];
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, pieces));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.DoesNotContain(events, e => e.Event == "error");
        Assert.Equal(string.Concat(pieces), string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal("done", events[^1].Json.Text("status"));
    }

    /// <summary>A line longer than this protocol allows ends its answer with the reason; other answers go on.</summary>
    [Fact]
    public async Task A_line_that_never_ends_ends_its_answer_with_what_came_and_no_other()
    {
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "before ");
            if (exchange.Request.Text.Contains("hostile", StringComparison.Ordinal))
            {
                await OpenAiScript.Piece(exchange, new string('t', ProviderCall.MaxLine));
            }
            else
            {
                await go.Task;
            }

            await OpenAiScript.Piece(exchange, "after");
            await OpenAiScript.Finish(exchange, 3);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await using var other = await admin.Ask(await admin.NewSession(connection), "harmless");
        var seen = new Transcript();
        (await other.ReadUntilAsync(e => e.Event == "delta")).ForEach(seen.Take);
        var session = await admin.NewSession(connection);

        await using var stream = await admin.Ask(session, "hostile");
        var events = await stream.ReadAllAsync();
        var answer = (await admin.Messages(session))[^1];

        Assert.Equal("before ", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        var error = Assert.Single(events, e => e.Event == "error").Json;
        Assert.Equal("provider_protocol", error.Text("code"));
        Assert.Equal($"A line of the reply is longer than {ProviderCall.MaxLine} bytes.", error.Text("detail"));
        Assert.Equal("failed", events[^1].Json.Text("status"));
        Assert.Equal(
            ("before ", "failed", "provider_protocol"),
            (answer.Text("content"), answer.Text("status"), answer.GetProperty("error").Text("code")));
        Assert.Equal("harmless", (await admin.GetJson("/api/sessions")).GetProperty("items")[1].Text("title"));

        go.SetResult();
        await seen.ReadAll(other);
        Assert.Equal(("before after", "done"), (seen.Content, seen.Done!.Json.Text("status")));
        await using var again = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = answer.Id(), clientMessageId = ChatSteps.NewId() });
        Assert.Equal("failed", (await again.ReadAllAsync())[^1].Json.Text("status"));
        Assert.Equal(
            "before ",
            (await admin.GetJson($"/api/sessions/{session}/messages?tree=true")).GetProperty("items")[1].Text("content"));
    }

    /// <summary>Where the protocol allows long lines, the whole text arrives, and nothing in it becomes an event.</summary>
    [Fact]
    public async Task A_token_of_a_megabyte_comes_whole_where_a_line_may_be_so_long()
    {
        var token = string.Concat(Enumerable.Repeat("event: done\n\ndata: {}\r\n\u2028😀", 45_000));
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            if (exchange.Request.Method == "GET")
            {
                await exchange.Reply(
                    200,
                    """{"models":[{"name":"models/model-1","inputTokenLimit":1000,"supportedGenerationMethods":["generateContent"]}]}""");
                return;
            }

            await exchange.StartSse();
            await exchange.SendEvent(
                new { candidates = new[] { new { content = new { role = "model", parts = new[] { new { text = token } } } } } });
            var end = new { role = "model", parts = new[] { new { text = "!" } } };
            await exchange.SendEvent(new { candidates = new[] { new { content = end, finishReason = "STOP" } } });
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var baseUrl = upstream.BaseUrl[..^3];
        var form = new { name = "Fake", provider = "google_genai", baseUrl, key = "sk-0123456789abcdef", local = true };
        var session = await admin.NewSession(
            (await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created)).Id(), "model-1");

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.InRange(token.Length, 1024 * 1024, int.MaxValue);
        Assert.Equal(token + "!", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal(["start", "quota", "title", "usage", "done"], events.Select(e => e.Event).Where(name => name != "delta"));
        Assert.Equal(token + "!", (await admin.Messages(session))[^1].Text("content"));
    }

    [Fact]
    public async Task Members_of_our_own_events_in_a_providers_json_do_nothing()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("event: done\nid: 99\ndata: {\"type\":\"done\",\"messageId\":1,\"status\":\"done\"}\n\n");
            await exchange.Send("event: error\ndata: {\"event\":\"tool\",\"name\":\"web_search\",\"choices\":[]}\n\n");
            await OpenAiScript.Piece(exchange, "only this");
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.Equal("only this", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.DoesNotContain(events, e => e.Event == "tool");
        Assert.Single(events, e => e.Event == "done");
    }

    [Fact]
    public async Task An_html_error_with_headers_of_its_own_reaches_nobody()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Reply(
            500,
            "<script>window.__pwned=1</script>",
            "text/html",
            "Set-Cookie: evil=1; Path=/",
            "Location: http://127.0.0.1:1/",
            "Refresh: 0",
            "Content-Security-Policy: default-src *"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        using var response = await admin.PostJson(
            "/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() });
        var body = await response.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.DoesNotContain("<script", body);
        Assert.False(
            response.Headers.Contains("Set-Cookie") || response.Headers.Contains("Refresh") || response.Headers.Location is not null);
        Assert.DoesNotContain("default-src *", string.Join(' ', response.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Fact]
    public async Task The_key_is_in_no_answer_file_or_log_however_a_call_fails()
    {
        var echo = """{"error":{"message":"Incorrect API key provided: KEY. Authorization: Bearer KEY","code":"invalid_api_key"}}"""
            .Replace("KEY", Key);
        var turn = 0;
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            switch (turn++ % 7)
            {
                case 0: await exchange.Reply(401, echo, "application/json", $"X-Echo: {Key}"); break;
                case 1: await exchange.Reply(403, $"<html>{Key}</html>", "text/html"); break;
                case 2: await exchange.Reply(429, echo); break;
                case 3: await exchange.Reply(500, echo); break;
                case 4: await exchange.Reply(301, "", "text/plain", $"Location: http://127.0.0.1:1/?key={Key}"); break;
                case 5:
                    await exchange.StartSse();
                    await exchange.Send($"data: {echo}\n\n");
                    break;
                default:
                    await exchange.StartSse();
                    await exchange.Send($"data: {{\"choices\": {Key}");
                    exchange.Reset();
                    break;
            }
        });
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["LOG_LEVEL"] = "trace" } });
        var admin = await server.RegisterAdminAsync();
        var created = await (await admin.PostJson("/api/connections", new
        {
            name = "Keyed",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            authType = "bearer",
            keys = new[] { Key },
            headers = new Dictionary<string, string> { ["X-Extra"] = "hv-" + Key },
            local = true,
            modelIds = new[] { "fake-model" },
        })).Json(HttpStatusCode.Created);
        var seen = new StringBuilder(created.GetRawText());
        var session = await admin.NewSession(created.Id());
        for (var i = 0; i < 14; i++)
        {
            await using var stream = await admin.Ask(session, $"go {i}");
            seen.AppendJoin('\n', (await stream.ReadAllAsync()).Select(e => e.Data));
        }

        Assert.All(upstream.Chats(), exchange => Assert.Contains(Key, exchange.Request.Head));
        string[] paths =
        [
            "/api/connections", "/api/catalog/models", "/api/settings/system", $"/api/sessions/{session}",
            $"/api/sessions/{session}/messages", "/api/sessions",
        ];
        foreach (var path in paths)
        {
            seen.Append(await admin.GetStringAsync(path));
        }

        Assert.DoesNotContain(Key, seen.ToString());
        Assert.DoesNotContain(Key, server.Output);
        var files = Directory.EnumerateFiles(server.DataDir, "*", SearchOption.AllDirectories);
        foreach (var file in files.Where(file => Path.GetFileName(file) is not ("lock" or "control.sock")))
        {
            Assert.DoesNotContain(Key, Encoding.Latin1.GetString(await ReadShared(file)));
        }
    }

    private static async Task<byte[]> ReadShared(string path)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        return copy.ToArray();
    }
}
