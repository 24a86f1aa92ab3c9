using System.Net;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>A server with a model that can see images, one that cannot, and a member who asks them.</summary>
internal sealed class ImageChat : IAsyncDisposable
{
    public required TestServer Server { get; init; }

    public required FakeUpstream Upstream { get; init; }

    public required HttpClient Admin { get; init; }

    public required HttpClient Owner { get; init; }

    public required long ConnectionId { get; init; }

    public static async Task<ImageChat> StartAsync(TestServerOptions? options = null)
    {
        var server = await TestServer.StartAsync(options);
        var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model", "blind-model"], "a ", "cat"));
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream, "fake-model", "blind-model");
        var seeing = new { connectionId = connection, model = "fake-model", capabilities = new { vision = true } };
        await (await admin.PutJson("/api/catalog/models", seeing)).Expect(HttpStatusCode.OK);
        return new ImageChat
        {
            Server = server,
            Upstream = upstream,
            Admin = admin,
            Owner = await server.RegisterUserAsync(admin),
            ConnectionId = connection,
        };
    }

    public async Task<string> Upload(byte[] bytes) => (await (await Owner.Upload(bytes)).Json(HttpStatusCode.Created)).Text("id")!;

    public Task<HttpResponseMessage> Send(long session, string content, IReadOnlyList<string> images) =>
        Owner.PostJson("/api/chat/stream", Body(session, content, images));

    public Task<SseStream> Ask(long session, string content, IReadOnlyList<string> images) =>
        Owner.PostStream("/api/chat/stream", Body(session, content, images));

    public string File(string id, string extension) => Path.Combine(Server.DataDir, "images", id[..2], id + extension);

    public async ValueTask DisposeAsync()
    {
        await Upstream.DisposeAsync();
        await Server.DisposeAsync();
    }

    private static object Body(long session, string content, IReadOnlyList<string> images) =>
        new { sessionId = session, content, clientMessageId = ChatSteps.NewId(), imageIds = images };
}
