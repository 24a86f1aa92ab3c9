using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Anthropic's Messages API (Claude docs: "Messages", "Streaming messages", "Tool use", "Beta headers").</summary>
/// <param name="onlyCounts">The request asks only how long it is.</param>
internal sealed class AnthropicMessages(bool onlyCounts = false) : Dialect
{
    protected override IReadOnlyList<string> CarriedHeaders { get; } = ["anthropic-version", "anthropic-beta"];

    public override bool IsSpokenBy(string provider) => provider == "anthropic";

    protected override CompatRequest Read(JsonElement body)
    {
        // What is stored as a thread at the provider belongs to the key of the connection, not to the user. The code tells the vendor's own
        // client to send the whole conversation instead.
        if (body.Get("thread").ValueKind != JsonValueKind.Undefined)
        {
            throw new CompatRefusal(new Problem(400, "thread_unsupported_request", "thread: send the whole conversation as messages.")
            {
                Unsupported = "thread",
            });
        }

        CheckResults(body);
        return new CompatRequest
        {
            Model = body.Required("model"),
            Sampling = new ChatSampling { MaxOutputTokens = MaxTokens(body) },
            Stream = body.Bool("stream"),
            Body = body,
        };
    }

    public override CompatRequest Translated(JsonElement body) => MessagesReader.Read(body);

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) => new AnthropicMessageWriter(model);

    public override AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now) =>
        new AnthropicRelay(model, request.Stream);

    // 0 fills the cache and answers nothing, at a provider of this protocol.
    private int? MaxTokens(JsonElement body) =>
        (body.Get("max_tokens") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var none) && none == 0
            ? 0 : body.Positive("max_tokens")) ?? (onlyCounts ? null : throw CompatRefusal.Bad("max_tokens is missing."));

    /// <summary>Refuses an empty conversation, and the result of a call that nobody made.</summary>
    private static void CheckResults(JsonElement body)
    {
        HashSet<string> calls = [];
        var at = 0;
        foreach (var message in body.Items("messages"))
        {
            var content = message.Get("content");
            foreach (var block in content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : default)
            {
                if (block.String("type") == "tool_use" && block.Child("id").ValueKind == JsonValueKind.String)
                {
                    calls.Add(block.Required("id"));
                }
                else if (block.String("type") == "tool_result" && !calls.Contains(block.Required("tool_use_id")))
                {
                    throw CompatRefusal.Bad(
                        $"messages.{at}: a tool_result answers {block.String("tool_use_id")}, but no tool_use before it has this id.");
                }
            }

            at++;
        }

        if (at == 0)
        {
            throw CompatRefusal.Bad("messages is empty.");
        }
    }
}
