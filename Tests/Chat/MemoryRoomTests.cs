using System.Net;
using AiChat.Endpoints.Chat;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Chat;

public sealed class MemoryRoomTests
{
    private const long Limit = 100L << 20; // seven tenths are 70 MiB

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
        var used = 10L << 20;
        var room = new MemoryRoom(_ => Interlocked.Read(ref used), Limit, TimeProvider.System);
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Configure = builder => builder.Services.Replace(ServiceDescriptor.Singleton(room)),
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
                Interlocked.Exchange(ref used, (69L << 20) + 1); // full together with what the running one may still need
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
    public void A_crowd_is_counted_by_what_it_will_hold()
    {
        var room = new MemoryRoom(_ => 20L << 20, Limit, TimeProvider.System);
        Assert.False(room.IsShort(50));
        Assert.True(room.IsShort(51));
    }

    [Fact]
    public void Garbage_refuses_nobody_and_is_not_collected_for_everybody()
    {
        var clock = new FakeTimeProvider();
        var (live, garbage, collections) = (10L << 20, 80L << 20, 0);
        var room = new MemoryRoom(
            collect =>
            {
                collections += collect ? 1 : 0;
                garbage = collect ? 0 : garbage;
                return live + garbage;
            },
            Limit,
            clock);
        Assert.False(room.IsShort(1));
        Assert.Equal(1, collections);

        garbage = 80L << 20;
        Assert.True(room.IsShort(1));
        Assert.Equal(1, collections);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(room.IsShort(1));

        live = 80L << 20;
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(room.IsShort(1));
    }

    [Fact]
    public void This_process_has_room_for_a_few() => Assert.False(MemoryRoom.OfProcess(TimeProvider.System).IsShort(50));
}
