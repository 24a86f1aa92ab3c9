using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api.Matrix;

/// <summary>One server with a stand-in of each provider's protocol, for all cells of the matrix.</summary>
public sealed class MatrixServer : IAsyncLifetime
{
    private readonly Dictionary<string, JsonElement> _sent = [];
    private FakeUpstream? _upstream;
    private TestServer? _server;

    internal HttpClient Script { get; private set; } = null!;

    /// <summary>The last request that this stand-in received.</summary>
    internal JsonElement Sent(StandIn provider) => _sent[provider.Kind];

    async Task IAsyncLifetime.InitializeAsync()
    {
        _upstream = FakeUpstream.Start(Answer);
        _server = await TestServer.StartAsync();
        var admin = await _server.RegisterAdminAsync();
        await UsageLimitTests.Set(admin, new { defaultUserDailyQuota = -1, requestsPerMinute = 100_000 });
        foreach (var provider in StandIn.All)
        {
            var form = new
            {
                name = provider.Kind,
                provider = provider.Kind,
                baseUrl = $"http://127.0.0.1:{_upstream.Port}{provider.BasePath}",
                authType = "none",
                local = true,
                modelIds = new[] { provider.Model },
                defaultCapabilities = new { vision = true, tools = true, reasoning = true },
            };
            await (await admin.PostJson("/api/connections", form)).Expect(HttpStatusCode.Created);
        }

        Script = KeysTests.With(_server, (await KeysTests.Make(admin, new { name = "script" })).Text("key")!);
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        await _server!.DisposeAsync();
        await _upstream!.DisposeAsync();
    }

    private async Task Answer(FakeExchange exchange)
    {
        var path = exchange.Request.Path.Split('?')[0];
        var provider = StandIn.All.SingleOrDefault(one => one.Path == path);
        if (provider is null || exchange.Request.Method != "POST")
        {
            await exchange.Reply(404, "{}");
            return;
        }

        var text = exchange.Request.Text;
        var sent = JsonSerializer.Deserialize<JsonElement>(text);
        _sent[provider.Kind] = sent;
        var scene = Scene.Of(text);
        var streams = provider.Kind == "google_genai" || (sent.TryGetProperty("stream", out var stream) && stream.GetBoolean());
        if (!streams)
        {
            await exchange.Reply(200, provider.Whole(scene).ToJsonString());
            return;
        }

        await exchange.StartAsync(200, provider.ContentType);
        foreach (var frame in provider.Frames(scene))
        {
            await exchange.Send(provider.Frame(frame));
        }

        await exchange.Send(scene.Breaks ? provider.Frame(provider.Error("out of luck")) : provider.End.Length > 0 ? provider.End : "\n");
    }
}
