using System.Net;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>
/// Behind nginx with its defaults: it buffers, speaks HTTP/1.0, serves below a path and cuts silent answers. Its timeout of
/// 60 seconds is six here, and the heartbeat's 15 seconds are one.
/// </summary>
public sealed class NginxTests
{
    private static readonly TestServerOptions UnderBasePath =
        new() { Variables = new Dictionary<string, string> { ["BASE_PATH"] = "/chat" } };

    [Fact]
    public async Task A_long_silence_is_bridged_and_every_piece_comes_at_once()
    {
        var silence = new TaskCompletionSource();
        using var seen = new SemaphoreSlim(0);
        await using var upstream = ChatSteps.SteppedProvider(silence.Task, seen, 10);
        await using var server = await TestServer.StartAsync(UnderBasePath);
        await using var nginx = await Nginx.StartAsync(server.BaseUri, "/chat", readTimeout: 6);
        var (client, session, _) = await SetUp(server, nginx, upstream);

        await using var stream = await client.PostStream(
            "/chat/api/chat/stream", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() });
        Assert.Equal("start", (await stream.NextAsync())!.Event);
        var reading = stream.ReadSteps(seen);
        await Eventually.Holds(() => reading.IsCompleted || stream.Heartbeats >= 8);
        Assert.False(reading.IsCompleted, "The silence was cut.");

        silence.SetResult();
        Assert.Equal("0 1 2 3 4 5 6 7 8 9 ", await reading);
    }

    [Fact]
    public async Task A_stream_for_scripts_is_bridged_too()
    {
        var silence = new TaskCompletionSource();
        var seen = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first");
            await seen.Task;
            await silence.Task;
            await OpenAiScript.Piece(exchange, "last");
            await OpenAiScript.Finish(exchange, 2);
        });
        await using var server = await TestServer.StartAsync(UnderBasePath);
        await using var nginx = await Nginx.StartAsync(server.BaseUri, "/chat", readTimeout: 6);
        var (_, _, key) = await SetUp(server, nginx, upstream);
        using var script = nginx.Client();
        script.DefaultRequestHeaders.Add("Authorization", $"Bearer {key}");

        await using var stream = await script.PostStream("/chat/v1/chat/completions", CompatSteps.Ask("hi", stream: true));
        await stream.ReadUntilAsync(frame => frame.Data.Contains("first", StringComparison.Ordinal));
        seen.SetResult();
        var rest = stream.ReadAllAsync();
        await Eventually.Holds(() => rest.IsCompleted || stream.Heartbeats >= 8);
        Assert.False(rest.IsCompleted, "The silence was cut.");

        silence.SetResult();
        Assert.Equal("[DONE]", (await rest)[^1].Data);
    }

    [Fact]
    public async Task A_stream_that_is_cut_goes_on_where_it_was()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(release.Task);
        await using var server = await TestServer.StartAsync(UnderBasePath);
        await using var nginx = await Nginx.StartAsync(server.BaseUri, "/chat", readTimeout: 3);
        var (client, session, _) = await SetUp(server, nginx, upstream, heartbeatMs: 15_000);
        var transcript = new Transcript();
        await using (var stream = await client.PostStream(
            "/chat/api/chat/stream", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() }))
        {
            await Assert.ThrowsAnyAsync<Exception>(() => transcript.ReadAll(stream)); // nginx hangs up
        }

        Assert.Equal("before ", transcript.Content);
        Assert.Null(transcript.Done);
        release.SetResult();
        await using var again = await client.GetStream($"/chat/api/chat/stream/{transcript.Start!.AssistantId()}", transcript.LastId);
        await transcript.ReadAll(again);
        Assert.Equal("before after", transcript.Content);
        Assert.NotNull(transcript.Done);
    }

    /// <summary>Talks to the server itself, so that only what is tested goes through nginx with its short timeout.</summary>
    private static async Task<(HttpClient Client, long Session, string Key)> SetUp(
        TestServer server, Nginx nginx, FakeUpstream upstream, int heartbeatMs = 1_000)
    {
        var admin = server.Client();
        var first = new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode };
        await (await admin.PostJson("/chat/api/auth/register", first)).Expect(HttpStatusCode.Created);
        await (await admin.PatchJson("/chat/api/settings/system", new { sseHeartbeatIntervalMs = heartbeatMs })).Expect(HttpStatusCode.OK);
        var connection = await (await admin.PostJson("/chat/api/connections", new
        {
            name = "Fake",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            authType = "none",
            local = true,
            modelIds = new[] { "fake-model" },
        })).Json(HttpStatusCode.Created);
        var session = await (await admin.PostJson("/chat/api/sessions", new { connectionId = connection.Id(), model = "fake-model" }))
            .Json(HttpStatusCode.Created);
        var key = (await (await admin.PostJson("/chat/api/keys", new { name = "script" })).Json(HttpStatusCode.Created)).Text("key")!;
        var login = new { username = "admin", password = TestServer.Password };
        var token = (await (await admin.PostJson("/chat/api/auth/token", login)).Json()).Text("accessToken");
        var client = nginx.Client();
        client.DefaultRequestHeaders.Add("Authorization", $"Bearer {token}");
        return (client, session.Id(), key);
    }
}
