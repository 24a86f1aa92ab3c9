using System.Net.Sockets;
using System.Text;
using AiChat.Providers;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>When a reply is complete: the model's finish counts, not how its connection ends.</summary>
public sealed class ReplyEndTests
{
    private const string Openai = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"all\"}}]}\n\n"
        + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    private const string Responses = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"all\"}\n\n"
        + "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n";

    private const string Anthropic =
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"all\"}}\n\n"
        + "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\n";

    private const string Google = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"all\"}]},\"finishReason\":\"STOP\"}]}\n\n";

    private const string Ollama = "{\"message\":{\"content\":\"all\"},\"done\":false}\n"
        + "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n";

    public static IEnumerable<object[]> Ends =>
        from said in (string[][])
        [
            ["openai", Openai], ["openai_responses", Responses], ["anthropic", Anthropic], ["google_genai", Google], ["ollama", Ollama],
        ]
        from end in (string[])["end", "reset", "short", "half a frame", "half a chunk", "broken framing"]
        select new object[] { said[0], said[1], end };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task After_the_models_end_the_answer_is_whole(string kind, string reply, string end)
    {
        var read = new TaskCompletionSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.SendRaw(end == "short"
                ? $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100000\r\n\r\n{reply}"
                : $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + $"{Encoding.UTF8.GetByteCount(reply):x}\r\n{reply}\r\n");
            switch (end)
            {
                case "reset":
                    await read.Task;
                    exchange.Reset();
                    break;
                case "half a frame":
                    await exchange.SendRaw("c\r\ndata: {\"choi\r\n");
                    exchange.Abort();
                    break;
                case "half a chunk":
                    await exchange.SendRaw("ff\r\ndata");
                    exchange.Abort();
                    break;
                case "broken framing":
                    await exchange.SendRaw("?\r\n");
                    exchange.Abort();
                    break;
                default:
                    exchange.Abort();
                    break;
            }
        });
        using var http = new ProviderHttp(TimeProvider.System);

        var (text, failure, finish) = await ReadAsync(Stream(http, kind, upstream.BaseUrl), () => read.TrySetResult());

        Assert.Equal(("all", null, FinishReason.Stop), (text, failure, finish));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_the_models_end_it_is_lost(bool reset)
    {
        var read = new TaskCompletionSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "hal");
            if (reset)
            {
                await read.Task;
                exchange.Reset();
            }
        });
        using var http = new ProviderHttp(TimeProvider.System);

        var (text, failure, _) = await ReadAsync(Stream(http, "openai", upstream.BaseUrl), () => read.TrySetResult());

        Assert.Equal(("hal", ProviderFailure.ConnectionLost, true), (text, failure!.Failure, failure.HasAnswered));
    }

    [Fact]
    public async Task A_tls_connection_that_is_just_cut_after_the_end_is_an_end()
    {
        using var certificate = TestCertificates.SelfSigned("127.0.0.1");
        await using var server = new KeptUpstream(
            async (stream, socket, _) =>
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    + $"Transfer-Encoding: chunked\r\n\r\n{Openai.Length:x}\r\n{Openai}\r\n"));
                socket.Shutdown(SocketShutdown.Both); // without a TLS close
            },
            certificate);
        using var http = new ProviderHttp(TimeProvider.System);
        var endpoint = server.Endpoint with
        {
            BaseUrl = new Uri($"https://127.0.0.1:{server.Port}/v1"),
            CaPem = certificate.ExportCertificatePem(),
        };

        var chat = ProviderHttpTests.Chat("http://127.0.0.1/v1") with { Endpoint = endpoint };
        var (text, failure, finish) = await ReadAsync(new OpenAiProvider(http).StreamAsync(chat, CancellationToken.None), () => { });

        Assert.Equal(("all", null, FinishReason.Stop), (text, failure, finish));
    }

    /// <summary>
    /// Half a surrogate pair at the end of reasoning, text and a call's arguments (public reports: other clients lose or break it).
    /// </summary>
    [Theory]
    [InlineData("\"reasoning_content\":\"a\\ud83d\"", "R:a|R:\uFFFD")]
    [InlineData("\"content\":\"a\\ud83d\"", "T:a|T:\uFFFD")]
    [InlineData("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"a\\ud83d\"}}]", "C:a|C:\uFFFD")]
    public async Task Half_a_character_is_not_forgotten(string delta, string expected)
    {
        foreach (var end in (string[])["data: [DONE]\n\n", ""])
        {
            await using var upstream = FakeUpstream.Start(async exchange =>
            {
                await exchange.StartSse();
                await exchange.Send($"data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}}}]}}\n\n{end}");
            });
            using var http = new ProviderHttp(TimeProvider.System);
            Assert.Equal(expected, await SpellAsync(Stream(http, "openai", upstream.BaseUrl)));
        }
    }

    [Theory]
    [InlineData("reasoning_content", "R:a|R:😀b")]
    [InlineData("content", "T:a|T:😀b")]
    [InlineData("arguments", "C:a|C:😀b")]
    public async Task Two_halves_become_one_character(string member, string expected)
    {
        string Frame(string text) => member == "arguments"
            ? $"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":0,\"id\":\"c\",\"function\":{{\"name\":\"f\","
                + $"\"arguments\":\"{text}\"}}}}]}}}}]}}\n\n"
            : $"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"{member}\":\"{text}\"}}}}]}}\n\n";
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send(Frame("a\\ud83d") + Frame("\\ude00b") + "data: [DONE]\n\n");
        });
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal(expected, await SpellAsync(Stream(http, "openai", upstream.BaseUrl)));
    }

    [Fact]
    public async Task What_was_held_back_comes_when_it_is_stopped()
    {
        using var stop = new CancellationTokenSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "is x ");
            await OpenAiScript.Piece(exchange, "<thin"); // may become a tag
            await exchange.Stall();
        });
        using var http = new ProviderHttp(TimeProvider.System);
        var text = new StringBuilder();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var delta in new OpenAiProvider(http).StreamAsync(ProviderHttpTests.Chat(upstream.BaseUrl), stop.Token))
            {
                text.Append(((ChatDelta.Text)delta).Value);
                stop.CancelAfter(200);
            }
        });

        Assert.Equal("is x <thin", text.ToString());
    }

    /// <summary>Gateways turn comments into data (public reports: clients ended the answer there).</summary>
    [Fact]
    public async Task A_comment_that_became_data_is_passed_over()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("data: : OPENROUTER PROCESSING\n\ndata: : keepalive\ndata: \n\n");
            await OpenAiScript.Piece(exchange, "all");
            await exchange.Send("data: : keepalive\n");
            await OpenAiScript.Finish(exchange, 1);
        });
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal("T:all", await SpellAsync(Stream(http, "openai", upstream.BaseUrl)));
    }

    private static IAsyncEnumerable<ChatDelta> Stream(ProviderHttp http, string kind, string url) =>
        ProviderRegistry.Create(http).Get(kind).StreamAsync(
            ProviderHttpTests.Chat(url) with { Endpoint = Endpoints.Local(kind, url) }, CancellationToken.None);

    private static async Task<(string Text, ProviderException? Failure, FinishReason? Finish)> ReadAsync(
        IAsyncEnumerable<ChatDelta> deltas, Action onText)
    {
        var text = new StringBuilder();
        FinishReason? finish = null;
        try
        {
            await foreach (var delta in deltas)
            {
                text.Append((delta as ChatDelta.Text)?.Value);
                finish = (delta as ChatDelta.End)?.Reason ?? finish;
                if (text.Length > 0)
                {
                    onText();
                }
            }

            return (text.ToString(), null, finish);
        }
        catch (ProviderException exception)
        {
            return (text.ToString(), exception, finish);
        }
    }

    private static async Task<string> SpellAsync(IAsyncEnumerable<ChatDelta> deltas)
    {
        List<string> said = [];
        try
        {
            await foreach (var delta in deltas)
            {
                said.Add(delta switch
                {
                    ChatDelta.Text text => "T:" + text.Value,
                    ChatDelta.Reasoning reasoning => "R:" + reasoning.Value,
                    ChatDelta.ToolCall call => "C:" + call.ArgumentsFragment,
                    _ => "",
                });
            }
        }
        catch (ProviderException)
        {
            // The deltas before the error stay valid.
        }

        return string.Join('|', said.Where(word => word.Length > 0));
    }
}
