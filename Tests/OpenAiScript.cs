namespace AiChat.Tests;

/// <summary>Ready-made answers of an OpenAI-compatible provider, for <see cref="FakeUpstream"/>.</summary>
internal static class OpenAiScript
{
    /// <summary>Lists these models and streams these pieces as the answer to every chat request.</summary>
    public static Func<FakeExchange, Task> Answer(IReadOnlyList<string> models, params string[] pieces) => exchange =>
        exchange.Request.Method == "GET" ? Models(exchange, models) : Stream(exchange, pieces);

    public static Task Models(FakeExchange exchange, IReadOnlyList<string> models)
    {
        var items = string.Join(',', models.Select(model => $$"""{"id":"{{model}}","object":"model"}"""));
        return exchange.Reply(200, $$"""{"object":"list","data":[{{items}}]}""");
    }

    /// <summary>A whole streamed answer: role, pieces, finish, usage, [DONE].</summary>
    public static async Task Stream(FakeExchange exchange, params string[] pieces)
    {
        await exchange.StartSse();
        await exchange.SendEvent(Chunk(new { role = "assistant", content = "" }));
        foreach (var piece in pieces)
        {
            await Piece(exchange, piece);
        }

        await Finish(exchange, pieces.Length);
    }

    /// <summary>One piece of content.</summary>
    public static Task Piece(FakeExchange exchange, string text) => exchange.SendEvent(Chunk(new { content = text }));

    /// <summary>The end of a streamed answer, with its usage.</summary>
    public static async Task Finish(FakeExchange exchange, int completionTokens, string reason = "stop")
    {
        await exchange.SendEvent(Chunk(new { }, reason));
        await exchange.SendEvent(new
        {
            id = "chatcmpl-1",
            @object = "chat.completion.chunk",
            choices = Array.Empty<object>(),
            usage = new { prompt_tokens = 7, completion_tokens = completionTokens, total_tokens = 7 + completionTokens },
        });
        await exchange.Send("data: [DONE]\n\n");
    }

    /// <summary>An answer whose first frame is a line of 64 MB.</summary>
    public static async Task EndlessLine(FakeExchange exchange)
    {
        await exchange.StartSse();
        await exchange.Send("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
        var piece = new byte[64 * 1024];
        Array.Fill(piece, (byte)'a');
        for (var sent = 0; sent < 64 * 1024 * 1024; sent += piece.Length)
        {
            await exchange.Send(piece);
        }
    }

    private static object Chunk(object delta, string? finish = null) => new
    {
        id = "chatcmpl-1",
        @object = "chat.completion.chunk",
        created = 1,
        model = "fake",
        choices = new[] { new { index = 0, delta, finish_reason = finish } },
    };
}
