using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>A server with one fake provider and a script that calls it with a key.</summary>
internal sealed class CompatSteps : IAsyncDisposable
{
    /// <summary>One red pixel.</summary>
    public const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

    public required TestServer Server { get; init; }

    public required FakeUpstream Upstream { get; init; }

    public required HttpClient Admin { get; init; }

    public required HttpClient Script { get; init; }

    public required long Connection { get; init; }

    public static Task<CompatSteps> StartAsync(Func<FakeExchange, Task> chat, string provider = "openai", string model = "fake-model") =>
        StartAsync(chat, provider, [model]);

    public static async Task<CompatSteps> StartAsync(Func<FakeExchange, Task> chat, string provider, string[] models)
    {
        var upstream = FakeUpstream.Start(chat);
        var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var form = new
        {
            name = "Fake",
            provider,
            baseUrl = upstream.BaseUrl[..^(provider is "openai" or "openai_responses" ? 0 : 3)],
            authType = "none",
            local = true,
            modelIds = models,
            defaultCapabilities = new { vision = true },
        };
        var connection = (await (await admin.PostJson("/api/connections", form)).Json(System.Net.HttpStatusCode.Created)).Id();
        var key = (await KeysTests.Make(admin, new { name = "script" })).Text("key")!;
        return new CompatSteps
        {
            Server = server,
            Upstream = upstream,
            Admin = admin,
            Script = KeysTests.With(server, key),
            Connection = connection,
        };
    }

    public Task<HttpResponseMessage> Chat(object body) => Script.PostJson("/v1/chat/completions", body);

    public static object Ask(string text, bool stream = false) =>
        new { model = "fake-model", stream, messages = new[] { new { role = "user", content = text } } };

    /// <summary>The last request the provider received.</summary>
    public JsonElement Sent => Upstream.Chats()[^1].Request.Json;

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}
