using System.Net;
using AiChat.Endpoints.Chat;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiChat.Tests.Chat;

public sealed class MemoryRoomTests
{
    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Without_room_new_answers_are_refused_and_the_running_one_ends_well()
    {
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first ");
            await go.Task;
            await OpenAiScript.Piece(exchange, "last");
            await OpenAiScript.Finish(exchange, 2);
        });
        var used = 10L;
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Configure = builder => builder.Services.Replace(ServiceDescriptor.Singleton(new MemoryRoom(() => Interlocked.Read(ref used), 100))),
        });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await using var stream = await admin.Ask(await admin.NewSession(connection), "go");
        var transcript = new Transcript();
        await foreach (var next in stream.Events())
        {
            transcript.Take(next);
            if (transcript.Content == "first ")
            {
                Interlocked.Exchange(ref used, 90);
                var body = new { sessionId = await admin.NewSession(connection), content = "more", clientMessageId = ChatSteps.NewId() };
                var refused = await admin.PostJson("/api/chat/stream", body);
                await refused.ExpectProblem(HttpStatusCode.ServiceUnavailable, "overloaded");
                Assert.NotNull(refused.Headers.RetryAfter);
                go.TrySetResult();
            }
        }

        Assert.Equal("first last", transcript.Content);
        Assert.Single(upstream.Chats());
    }

    [Fact]
    public void This_process_has_room() => Assert.False(MemoryRoom.OfProcess().IsShort);
}
