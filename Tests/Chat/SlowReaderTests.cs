using System.Net;
using System.Text;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Chat;

/// <summary>Text that waits for a reader reaches it as one frame, not as one frame for every token.</summary>
public sealed class SlowReaderTests
{
    private const int Tokens = 2_000;

    [Fact]
    public async Task Whoever_comes_late_gets_all_that_was_said_as_one_frame()
    {
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            for (var i = 0; i < Tokens; i++)
            {
                await OpenAiScript.Piece(exchange, "token ");
            }

            await go.Task;
            await OpenAiScript.Finish(exchange, Tokens);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await using var stream = await admin.Ask(await admin.NewSession(await admin.Connect(upstream)), "go");
        var seen = new Transcript();
        while (seen.Content.Length < Tokens * 6)
        {
            seen.Take((await stream.NextAsync())!);
        }

        await using var late = await admin.GetStream($"/api/chat/stream/{seen.Start!.AssistantId()}");
        var first = (await late.ReadUntilAsync(e => e.Event == "delta"))[^1];
        Assert.Equal(seen.Content, first.Json.Text("text"));
        go.SetResult();
        Assert.DoesNotContain(await late.ReadAllAsync(), e => e.Event == "delta");
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_reader_that_takes_nothing_for_a_while_gets_what_waited_as_one_frame()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var id = (await admin.GetJson("/api/auth/me")).GetProperty("user").Id();
        var user = (await server.Services.GetRequiredService<AuthCache>().User(id))!;
        var client = new SlowClient();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(client));
        var log = new RunLog();
        log.Append(ChatEvent.Start, "{}"u8.ToArray());
        var me = new CurrentUser(id, user.Role, user.Username, user.Epoch, 0, null)
        {
            Client = new Client(IPAddress.Loopback) { Names = [] },
        };

        var streaming = server.Services.GetRequiredService<RunStreamer>().Stream(context, me, log, 0, follow: true);
        await client.Asked;
        for (var i = 0; i < Tokens; i++)
        {
            log.AppendContent($"token{i} ");
        }

        client.Go();
        log.Append(ChatEvent.Done, "{}"u8.ToArray());
        log.Complete();
        await streaming;
        await context.Response.CompleteAsync(); // as the web server does

        var events = client.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .Where(frame => frame.StartsWith("id:", StringComparison.Ordinal)).ToList();
        Assert.Equal(["start", "delta", "done"], events.Select(frame => frame.Split('\n')[1]["event: ".Length..]));
        Assert.Contains($"\"text\":\"{string.Concat(Enumerable.Range(0, Tokens).Select(i => $"token{i} "))}\"", events[1]);
    }

    /// <summary>The body of a response whose client takes nothing until the test lets it.</summary>
    private sealed class SlowClient : MemoryStream
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Completes when the server writes to it.</summary>
        public Task Asked => _asked.Task;

        public string Text => Encoding.UTF8.GetString(ToArray());

        public void Go() => _go.SetResult();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _asked.TrySetResult();
            await _go.Task;
            Write(buffer.Span);
        }
    }
}
