using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AiChat.Endpoints.Auth;
using AiChat.Tests.Chat;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Api;

/// <summary>Request bodies in transit: limited per user and in total, small ones preferred, and each with a time limit.</summary>
[Collection(nameof(Measured))]
public sealed class RequestBodyTests
{
    private const int Large = 31 * 1024 * 1024;
    private const int Crowd = 60;

    [Fact]
    [Trait("Nodes", "One")] // each server has its own memory
    public async Task Sixty_unfinished_bodies_by_one_key_take_the_memory_of_a_few()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "fine"));
        var other = await steps.Server.RegisterUserAsync(steps.Admin);
        var others = KeysTests.With(steps.Server, (await KeysTests.Make(other, new { name = "o" })).Text("key")!);
        await UsageLimitTests.Set(steps.Admin, new { requestsPerMinute = 0 });
        await (await steps.Chat(CompatSteps.Ask("warm"))).Expect(HttpStatusCode.OK);
        var before = steps.Server.ResetPeak();

        var crowd = await Task.WhenAll(Enumerable.Range(0, Crowd).Select(_ => RawBody.Send(steps, Large, Large - 1)));

        // The refused ones were answered at once; the others wait for their last byte.
        var told = await Task.WhenAll(crowd.Select(body => body.Status()));
        Assert.InRange(told.Count(status => status is null), 1, 2);
        Assert.All(told, status => Assert.True(status is null or 429, $"was {status}"));
        await (await steps.Chat(CompatSteps.Ask("small"))).Expect(HttpStatusCode.OK);
        await (await steps.Chat(CompatSteps.Ask(new string('x', 900_000)))).Expect(HttpStatusCode.OK);
        await (await others.PostJson("/v1/chat/completions", CompatSteps.Ask(new string('x', 5_000_000)))).Expect(HttpStatusCode.OK);
        if (before is { } idle)
        {
            Assert.InRange(steps.Server.GrownSince(idle), 0, 220L << 20);
        }

        foreach (var body in crowd)
        {
            body.Dispose();
        }

        await Eventually.Holds(
            async () => (await steps.Chat(CompatSteps.Ask(new string('y', 20_000_000)))).StatusCode == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Ten_million_numbers_are_refused_for_little_memory()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, """{"data":[{"embedding":[1]}]}"""));
        var numbers = "{\"model\":\"fake-model\",\"input\":[" + string.Concat(Enumerable.Repeat("1,", 10_000_000)) + "1]}";
        var before = steps.Server.ResetPeak();

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await steps.Script.PostRaw("/v1/embeddings", numbers)).StatusCode);

        if (before is { } idle)
        {
            Assert.InRange(steps.Server.GrownSince(idle), 0, 48L << 20);
        }

        var fewer = "{\"model\":\"fake-model\",\"input\":[" + string.Concat(Enumerable.Repeat("1,", 300_000)) + "1]}";
        await (await steps.Script.PostRaw("/v1/embeddings", fewer)).Expect(HttpStatusCode.OK);
        Assert.Equal(300_001, steps.Upstream.Chats()[^1].Request.Json.GetProperty("input")[0].GetArrayLength());
    }

    [Fact]
    public async Task Commas_of_a_text_are_no_values()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "fine"));
        await (await steps.Chat(CompatSteps.Ask(string.Concat(Enumerable.Repeat("1,2;", 700_000))))).Expect(HttpStatusCode.OK);
        var many = "{\"model\":\"fake-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"metadata\":[" + string.Concat(
            Enumerable.Repeat("{},", 700_000)) + "1]}";
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await steps.Script.PostRaw("/v1/chat/completions", many)).StatusCode);
    }

    [Fact]
    public async Task An_image_of_ten_megabytes_is_held_about_once()
    {
        var (sent, fits) = (0, false);
        await using var steps = await CompatSteps.StartAsync(
            async exchange =>
            {
                (sent, fits) = (exchange.Request.Body.Length, exchange.Request.Text.Contains("iVBORw0KGgo", StringComparison.Ordinal));
                await exchange.StartSse();
                await exchange.Send("""
                    event: message_start
                    data: {"type":"message_start","message":{"usage":{"input_tokens":1}}}

                    event: content_block_start
                    data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

                    event: content_block_delta
                    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"seen"}}

                    event: message_stop
                    data: {"type":"message_stop"}


                    """);
            },
            "anthropic");
        var png = Convert.ToBase64String(SampleImages.Png(2, 3, ("IDAT", new byte[9_900_000])));
        var url = $"{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"data:image/png;base64,{png}\"}}}}";
        var body = $"{{\"model\":\"fake-model\",\"messages\":[{{\"role\":\"user\",\"content\":[{url},{url}]}}]}}";
        var before = steps.Server.ResetPeak();

        await (await steps.Script.PostRaw("/v1/chat/completions", body)).Expect(HttpStatusCode.OK);

        Assert.InRange(sent, body.Length - 10_000, body.Length + 10_000);
        Assert.True(fits);
        if (before is { } idle)
        {
            Assert.InRange(steps.Server.GrownSince(idle), 0, body.Length * 2L);
        }
    }

    [Fact]
    public async Task Strangers_are_refused_before_their_body()
    {
        await using var server = await TestServer.StartAsync();
        foreach (var path in new[]
        {
            "/v1/chat/completions", "/v1/embeddings", "/v1/messages/count_tokens", "/api/chat/stream", "/api/images",
            "/api/catalog/models/overrides/import", "/api/prompts",
        })
        {
            using var body = await RawBody.Send(server, path, "Authorization: Bearer sk-nobody", Large, 0);
            Assert.Equal(401, await body.Status());
        }
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_body_has_a_deadline_and_gives_its_room_back_however_it_ends()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 8, 0, 0, TimeSpan.Zero));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var admin = await server.RegisterAdminAsync();
        var budget = server.Services.GetRequiredService<BodyBudget>();
        var key = $"Authorization: Bearer {(await KeysTests.Make(admin, new { name = "k" })).Text("key")}";
        const int half = 2_000_000;

        using var slow = await RawBody.Send(server, "/v1/chat/completions", key, Large, half);
        await Eventually.Holds(() => budget.Taken == Large);
        clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(408, await slow.Status());
        await Eventually.Holds(() => budget.Taken == 0);

        var gone = await RawBody.Send(server, "/v1/chat/completions", key, Large, half);
        await Eventually.Holds(() => budget.Taken == Large);
        gone.Dispose();
        await Eventually.Holds(() => budget.Taken == 0);

        using (var bad = await RawBody.Send(server, "/v1/chat/completions", key, half, half))
        {
            Assert.Equal(400, await bad.Status());
            await Eventually.Holds(() => budget.Taken == 0);
        }

        using (var small = await RawBody.Send(server, "/api/prompts", key, 900_000, 500_000))
        {
            Assert.Equal(403, await small.Status()); // keys are for /v1
            Assert.Equal(0, budget.Taken);
        }

        var script = KeysTests.With(server, key[22..]);
        await (await script.PostJson(
            "/v1/messages/count_tokens",
            new { model = "demo", messages = new[] { new { role = "user", content = new string('x', half) } } }))
            .Expect(HttpStatusCode.OK);
        await Eventually.Holds(() => budget.Taken == 0);
    }

    [Fact]
    public void Large_bodies_keep_no_small_one_out_and_nobody_takes_all()
    {
        var budget = new BodyBudget(256L << 20);
        BodyLease Lease(string person, long? declared = null) => new(budget, person, declared);
        var large = Lease("a", 60 << 20);
        Assert.Null(large.Grow(2 << 20)); // all it says at once
        Assert.Equal(60 << 20, budget.Taken);
        Assert.Equal(429, Lease("a", 5 << 20).Grow(2 << 20)!.Status);
        Assert.Equal(503, Lease("b", 5 << 20).Grow(2 << 20)!.Status); // 64 MiB in all, here
        Assert.Null(Lease("b").Grow(BodyBudget.Uncounted));
        var small = Enumerable.Range(0, 16).Select(_ => Lease("a")).ToList();
        Assert.All(small, lease => Assert.Null(lease.Grow(BodyBudget.Small)));
        Assert.Equal(429, Lease("a").Grow(BodyBudget.Small)!.Status);
        Assert.Null(Lease("a").Grow(BodyBudget.Uncounted));
        small.ForEach(lease => lease.Dispose());
        large.Dispose();
        large.Dispose();
        Assert.Equal(0, budget.Taken);
        var growing = Lease("a");
        for (var bytes = 0L; bytes <= 32 << 20; bytes += 10_000)
        {
            Assert.Null(growing.Grow(bytes));
            Assert.InRange(budget.Taken, bytes > BodyBudget.Uncounted ? bytes : 0, bytes + (4 << 20));
        }

        growing.Dispose();
        Assert.Equal(0, budget.Taken);
    }

    /// <summary>A request whose body is not complete.</summary>
    private sealed class RawBody : IDisposable
    {
        private readonly TcpClient _socket;
        private Task _sending = Task.CompletedTask;

        private RawBody(TcpClient socket) => _socket = socket;

        public static Task<RawBody> Send(CompatSteps steps, int declared, int sent) =>
            Send(
                steps.Server, "/v1/chat/completions", $"Authorization: {steps.Script.DefaultRequestHeaders.Authorization}", declared, sent);

        public static async Task<RawBody> Send(TestServer server, string path, string header, int declared, int sent)
        {
            var socket = new TcpClient();
            await socket.ConnectAsync(server.BaseUri.Host, server.BaseUri.Port);
            var body = new RawBody(socket);
            var head = $"POST {path} HTTP/1.1\r\nHost: {server.BaseUri.Authority}\r\n{header}\r\n"
                + string.Create(CultureInfo.InvariantCulture, $"Content-Type: application/json\r\nContent-Length: {declared}\r\n\r\n");
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
            body._sending = body.Fill(sent);
            return body;
        }

        /// <summary>The status of the response; null when everything was sent and none came.</summary>
        public async Task<int?> Status()
        {
            using var reader = new StreamReader(_socket.GetStream(), Encoding.ASCII, false, 1024, leaveOpen: true);
            var line = reader.ReadLineAsync();
            await Task.WhenAny(line, _sending);
            if (!line.IsCompleted)
            {
                await Task.WhenAny(line, Task.Delay(TimeSpan.FromSeconds(2)));
            }

            return line.IsCompletedSuccessfully && await line is { } status
                ? int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture)
                : null;
        }

        public void Dispose() => _socket.Dispose();

        private async Task Fill(int bytes)
        {
            var piece = new byte[64 * 1024];
            Array.Fill(piece, (byte)' ');
            try
            {
                for (var sent = 0; sent < bytes; sent += piece.Length)
                {
                    await _socket.GetStream().WriteAsync(piece.AsMemory(0, Math.Min(piece.Length, bytes - sent)));
                }
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                // The server answered and closed before the body was complete.
            }
        }
    }
}
