using System.Net;
using System.Text;

namespace AiChat.Tests.Chat;

/// <summary>
/// The example files of deploy/proxy, run by nginx, Caddy and haproxy: what a person does from the first page to a download. The proxies
/// hang up after four seconds of silence here, and the server's sign of life comes every second.
/// </summary>
public sealed class ProxyTests
{
    private static readonly (string File, string Path, bool Old)[] Files =
    [
        ("nginx.conf", "", false), ("nginx-path.conf", "/chat", false), ("1panel.conf", "", false), ("haproxy.cfg", "", false),
        ("Caddyfile", "", false), ("nginx.conf", "", true), ("nginx-path.conf", "/chat", true), ("1panel.conf", "", true),
        ("haproxy-nodes.cfg", "", false), ("nginx-nodes.conf", "", false),
    ];

    private static readonly TestServerOptions Listed =
        new() { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = "127.0.0.1" } };

    [Fact]
    public async Task Everything_works_through_each_example_file()
    {
        // At once, because each waits for a silence that is longer than its proxy's patience.
        var failed = await Task.WhenAll(Files.Select(async one =>
        {
            try
            {
                await FromFirstPageToDownload(one.File, one.Path, one.Old);
                return null;
            }
            catch (Exception error)
            {
                return $"{one}: {error}";
            }
        }));
        Assert.Empty(failed.OfType<string>());
    }

    [Fact]
    public async Task A_stream_that_a_proxy_holds_back_can_be_read_in_short_requests()
    {
        var told = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first ");
            await told.Task;
            await OpenAiScript.Piece(exchange, "last");
            await OpenAiScript.Finish(exchange, 2);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var nginx = await Nginx.StartAsync(
            "", $"proxy_pass http://{server.BaseUri.Authority}; proxy_ignore_headers X-Accel-Buffering; proxy_set_header Host $http_host;");
        using var browser = nginx.Client();
        browser.DefaultRequestHeaders.Add("X-Requested-With", "aichat");
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        var held = browser.Ask(session, "go");
        await upstream.NextChatAsync();

        // Nothing of the stream has come when the text is already read in short requests.
        var text = "";
        long position = 0;
        long? message = null;
        await Eventually.Holds(async () =>
        {
            message ??= (await browser.GetJson("/api/chat/runs")).EnumerateArray()
                .Select(run => (long?)run.GetProperty("messageId").GetInt64()).FirstOrDefault();
            await Read();
            return text == "first ";
        });
        told.SetResult();
        await Eventually.Holds(async () => await Read() == "done");
        Assert.Equal("first last", text);
        await using var late = await held;
        var whole = (await late.ReadAllAsync()).Where(e => e.Event == "delta").Select(e => e.Json.Text("text"));
        Assert.Equal("first last", string.Concat(whole));

        async Task<string?> Read()
        {
            if (message is null)
            {
                return null;
            }

            await using var stream = await browser.GetStream($"/api/chat/stream/{message}?after={position}&follow=false");
            var events = await stream.ReadAllAsync();
            Assert.Equal(0, stream.Heartbeats);
            text += string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text")));
            position = events.Count > 0 ? long.Parse(events[^1].Id!) : position;
            return events.LastOrDefault()?.Event;
        }
    }

    /// <param name="old">The proxy speaks HTTP/1.0 to the server, as nginx does where its file does not say otherwise.</param>
    private static async Task FromFirstPageToDownload(string file, string path, bool old)
    {
        var silence = new TaskCompletionSource();
        using var seen = new SemaphoreSlim(0);
        await using var upstream = ChatSteps.SteppedProvider(silence.Task, seen, 5);
        await using var server = await TestServer.StartAsync(Listed);
        await using var proxy = await ReverseProxy.StartAsync(file, server.BaseUri, old);
        var address = BrowserHandler.RandomLoopback();
        using var browser = proxy.Client(address);
        var page = await browser.GetStringAsync($"{path}/");
        Assert.Contains($"<base href=\"{path}/\"", page);
        var script = page[(page.IndexOf("src=\"./", StringComparison.Ordinal) + 7)..];
        await (await browser.GetAsync($"{path}/{script[..script.IndexOf('"')]}")).Expect(HttpStatusCode.OK);

        var registered = await browser.PostJson(
            $"{path}/api/auth/register", new { username = "owner", password = TestServer.Password, setupCode = TestServer.SetupCode });
        await registered.Expect(HttpStatusCode.Created);
        var secure = proxy.Address.Scheme == "https";
        Assert.All(registered.Headers.GetValues("Set-Cookie"), cookie =>
        {
            Assert.Equal(secure, cookie.Contains("; secure", StringComparison.Ordinal));
            Assert.Contains($"; path={(path.Length > 0 ? path : "/")}", cookie);
        });
        await (await browser.PostJson($"{path}/api/auth/login", new { username = "owner", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await (await browser.PostJson($"{path}/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        Assert.Contains(
            address.ToString(), (await browser.GetStringAsync($"{path}/api/auth/logins")));
        Assert.Empty((await browser.GetJson($"{path}/api/settings/app-info")).GetProperty("notices").EnumerateArray());

        await (await browser.PatchJson($"{path}/api/settings/system", new { sseHeartbeatIntervalMs = 1000 })).Expect(HttpStatusCode.OK);
        var connection = await (await browser.PostJson($"{path}/api/connections", new
        {
            name = "Fake",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            authType = "none",
            local = true,
            modelIds = new[] { "fake-model" },
        })).Json(HttpStatusCode.Created);
        var session = await (await browser.PostJson($"{path}/api/sessions", new { connectionId = connection.Id(), model = "fake-model" }))
            .Json(HttpStatusCode.Created);
        await using var stream = await browser.PostStream(
            $"{path}/api/chat/stream", new { sessionId = session.Id(), content = "go", clientMessageId = ChatSteps.NewId() });
        Assert.Equal("start", (await stream.NextAsync())!.Event);
        var reading = stream.ReadSteps(seen);
        await Eventually.Holds(() => stream.Heartbeats > ReverseProxy.Patience + 1 || reading.IsCompleted);
        Assert.False(reading.IsCompleted, "The silence was cut.");
        silence.SetResult();
        Assert.Equal("0 1 2 3 4 ", await reading);

        // Ten megabytes of an image's own comment.
        var image = SampleImages.Png(8, 8, ("teXt", new byte[9_900_000]));
        using var content = new ByteArrayContent(image);
        content.Headers.ContentType = new("image/png");
        var uploaded = await (await browser.PostAsync($"{path}/api/images", content)).Json(HttpStatusCode.Created);
        Assert.StartsWith($"{path}/chat-images/", uploaded.Text("url"));
        Assert.Equal(uploaded.GetProperty("bytes").GetInt64(), (await browser.GetByteArrayAsync(uploaded.Text("url"))).Length);
        var export = await browser.GetAsync($"{path}/api/sessions/{session.Id()}/export?format=md");
        Assert.Equal("attachment", export.Content.Headers.ContentDisposition?.DispositionType);
        Assert.Contains("0 1 2 3 4", Encoding.UTF8.GetString(await export.Content.ReadAsByteArrayAsync()));
    }
}
