using System.Net;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>Which requests leave the process, and to which addresses.</summary>
public sealed class ProviderHttpTests
{
    private const string Key = "sk-CANARY-7f3a9c1e5b";

    [Theory]
    [InlineData(NetworkScope.External, "127.0.0.1")]
    [InlineData(NetworkScope.Loopback | NetworkScope.Private, "93.184.216.34")]
    [InlineData(NetworkScope.External | NetworkScope.Loopback, "10.0.0.1")]
    [InlineData(NetworkScope.External | NetworkScope.Loopback, "169.254.169.254")]
    [InlineData(NetworkScope.External | NetworkScope.Loopback, "127.0.0.1", "169.254.169.254")]
    [InlineData(NetworkScope.External, "93.184.216.34", "127.0.0.1")]
    internal async Task Name_is_judged_by_every_address_it_has(NetworkScope scope, params string[] addresses)
    {
        await using var upstream = FakeUpstream.Start(_ => Task.CompletedTask);
        using var http = new ProviderHttp(TimeProvider.System)
        {
            Resolve = (_, _) => Task.FromResult(addresses.Select(IPAddress.Parse).ToArray()),
        };
        var endpoint = Endpoints.Local("openai", $"http://rebind.example:{upstream.Port}/v1") with { Scope = scope };

        var failure = await FailAsync(http, endpoint);

        Assert.Equal(ProviderFailure.Blocked, failure.Failure);
        Assert.Equal(0, upstream.Connections);
    }

    [Fact]
    public async Task Name_that_turns_inward_later_is_refused_then()
    {
        var answers = new Queue<string>(["127.0.0.1", "127.0.0.1", "169.254.169.254"]);
        await using var upstream = FakeUpstream.Start(exchange => OpenAiScript.Models(exchange, ["m"]));
        using var http = new ProviderHttp(TimeProvider.System)
        {
            Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(answers.Dequeue())]),
        };
        var endpoint = Endpoints.Local("openai", $"http://rebind.example:{upstream.Port}/v1");
        var provider = new OpenAiProvider(http);

        Assert.Single(await provider.ListModelsAsync(endpoint, CancellationToken.None));
        Assert.Single(await provider.ListModelsAsync(endpoint, CancellationToken.None));
        Assert.Equal(ProviderFailure.Blocked, (await FailAsync(http, endpoint)).Failure);
    }

    [Fact]
    public async Task Own_listening_address_is_refused()
    {
        await using var upstream = FakeUpstream.Start(_ => Task.CompletedTask);
        using var http = new ProviderHttp(TimeProvider.System) { IsOwnEndpoint = address => address.Port == upstream.Port };

        Assert.Equal(ProviderFailure.Blocked, (await FailAsync(http, Endpoints.Local("openai", upstream.BaseUrl))).Failure);
        Assert.Equal(0, upstream.Connections);
    }

    [Fact]
    public async Task Request_to_another_origin_is_refused()
    {
        await using var canary = FakeUpstream.Start(_ => Task.CompletedTask);
        using var http = new ProviderHttp(TimeProvider.System);
        var call = new ProviderCall(Endpoints.Local("openai", "http://127.0.0.1:9/v1"), new Uri(canary.BaseUrl));

        var failure = await Assert.ThrowsAsync<ProviderException>(() => http.SendAsync(call, CancellationToken.None));

        Assert.Equal(ProviderFailure.Blocked, failure.Failure);
        Assert.Equal(0, canary.Connections);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Redirect_is_never_followed(int status)
    {
        await using var canary = FakeUpstream.Start(_ => Task.CompletedTask);
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(status, "", "text/plain", $"Location: {canary.BaseUrl}"));
        using var http = new ProviderHttp(TimeProvider.System);

        var failure = await FailAsync(http, Endpoints.Local("openai", upstream.BaseUrl));

        Assert.Equal((ProviderFailure.Redirected, status), (failure.Failure, failure.UpstreamStatus));
        Assert.Equal((0, 1), (canary.Connections, upstream.Connections));
    }

    [Fact]
    public async Task Header_block_holds_exactly_what_was_set()
    {
        await using var upstream = FakeUpstream.Start(exchange => OpenAiScript.Models(exchange, []));
        using var http = new ProviderHttp(TimeProvider.System);
        var endpoint = Endpoints.Local("openai", upstream.BaseUrl, Key) with { Headers = [new("X-Team", "research 1")] };

        await new OpenAiProvider(http).ListModelsAsync(endpoint, CancellationToken.None);

        var head = (await upstream.NextRequestAsync()).Request.Head;
        Assert.Equal(
            $"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{upstream.Port}\r\nUser-Agent: AiChat/1\r\nAuthorization: Bearer {Key}\r\n"
                + "X-Team: research 1\r\n\r\n",
            head);
    }

    [Theory]
    [InlineData("X-A", "a\r\nEvil: 1")]
    [InlineData("Host", "evil.example")]
    [InlineData("Cookie", "a=b")]
    public async Task Unsafe_header_is_refused_when_sent(string name, string value)
    {
        await using var upstream = FakeUpstream.Start(_ => Task.CompletedTask);
        using var http = new ProviderHttp(TimeProvider.System);

        var failure = await FailAsync(http, Endpoints.Local("openai", upstream.BaseUrl) with { Headers = [new(name, value)] });

        Assert.Equal(ProviderFailure.BadRequest, failure.Failure);
        Assert.Equal(0, upstream.Connections);
    }

    [Fact]
    public async Task Key_with_a_line_break_is_not_sent()
    {
        await using var upstream = FakeUpstream.Start(_ => Task.CompletedTask);
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal(
            ProviderFailure.BadRequest, (await FailAsync(http, Endpoints.Local("openai", upstream.BaseUrl, "sk-a\r\nEvil: 1"))).Failure);
        Assert.Equal(0, upstream.Connections);
    }

    [Theory]
    [InlineData("{\"error\":{\"message\":\"Incorrect API key provided: " + Key + "\"}}", "application/json")]
    [InlineData("{\"error\":{\"message\":\"Incorrect API key provided: sk-other-key-123456\"}}", "application/json")]
    [InlineData("bad key " + Key + " in Authorization: Bearer " + Key, "text/plain")]
    [InlineData("value secret-header-value was refused", "text/plain")]
    public async Task Secrets_are_taken_out_of_what_the_provider_says(string body, string type)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(401, body, type));
        using var http = new ProviderHttp(TimeProvider.System);
        var endpoint = Endpoints.Local("openai", upstream.BaseUrl, Key) with { Headers = [new("X-Secret", "secret-header-value")] };

        var failure = await FailAsync(http, endpoint);

        Assert.Equal(ProviderFailure.Unauthorized, failure.Failure);
        Assert.Contains("[redacted]", failure.Detail);
        Assert.DoesNotContain("CANARY", failure.ToString());
        Assert.DoesNotContain("123456", failure.Detail);
        Assert.DoesNotContain("secret-header-value", failure.Detail);
        Assert.DoesNotContain(Key, endpoint.ToString());
    }

    [Fact]
    public async Task Stop_closes_the_connection_at_once()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "Hello");
            await exchange.Stall();
        });
        using var http = new ProviderHttp(TimeProvider.System);
        using var stop = new CancellationTokenSource();
        var request = Chat(upstream.BaseUrl);
        await using var deltas = new OpenAiProvider(http).StreamAsync(request, stop.Token).GetAsyncEnumerator();
        Assert.True(await deltas.MoveNextAsync());
        var waiting = deltas.MoveNextAsync().AsTask();

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await (await upstream.NextRequestAsync()).ClientGone.WaitAsync(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Leaving_the_stream_closes_the_connection_at_once()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "Hello");
            await exchange.Stall();
        });
        using var http = new ProviderHttp(TimeProvider.System);
        await foreach (var _ in new OpenAiProvider(http).StreamAsync(Chat(upstream.BaseUrl), CancellationToken.None))
        {
            break;
        }

        await (await upstream.NextRequestAsync()).ClientGone.WaitAsync(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Stop_before_the_first_byte_closes_the_connection()
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Stall());
        using var http = new ProviderHttp(TimeProvider.System);
        using var stop = new CancellationTokenSource();
        await using var deltas = new OpenAiProvider(http).StreamAsync(Chat(upstream.BaseUrl), stop.Token).GetAsyncEnumerator();
        var waiting = deltas.MoveNextAsync().AsTask();
        var exchange = await upstream.NextRequestAsync();

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Finished_reply_leaves_its_connection_for_the_next()
    {
        await using var server = new KeptUpstream(static async (stream, _, _) =>
        {
            const string Event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n"
                + "data: [DONE]\n\n";
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(
                $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + $"{Event.Length:x}\r\n{Event}\r\n0\r\n\r\n"));
        });
        using var http = new ProviderHttp(TimeProvider.System);

        for (var round = 0; round < 2; round++)
        {
            var deltas = new OpenAiProvider(http).StreamAsync(Chat(server.Endpoint.BaseUrl.AbsoluteUri), CancellationToken.None);
            Assert.NotEmpty(await deltas.ToListAsync());
        }

        Assert.Equal(1, server.Connections);
    }

    internal static ChatRequest Chat(string baseUrl) => new()
    {
        Endpoint = Endpoints.Local("openai", baseUrl),
        Model = "m",
        Turns = [new ChatTurn(ChatRole.User, "Hi")],
    };

    private static Task<ProviderException> FailAsync(ProviderHttp http, ProviderEndpoint endpoint) =>
        Assert.ThrowsAsync<ProviderException>(() => new OpenAiProvider(http).ListModelsAsync(endpoint, CancellationToken.None));
}
