using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>OpenAI's chat completions (OpenAI API reference: "Create chat completion", "The chat completion chunk object").</summary>
internal sealed class ChatCompletions : Dialect
{
    /// <summary>Bound of n: each answer is charged.</summary>
    private const int MaxChoices = 8;

    public override bool IsSpokenBy(string provider) => provider is "openai" or "azure_openai";

    protected override CompatRequest Read(JsonElement body)
    {
        var choices = body.Int("n") ?? 1;
        if (choices is < 1 or > MaxChoices)
        {
            throw CompatRefusal.Bad($"n is 1 to {MaxChoices}.");
        }

        CheckAnswers(body);
        return new CompatRequest
        {
            Model = body.Required("model"),
            Sampling = new ChatSampling { MaxOutputTokens = MaxTokens(body) },
            Stream = body.Bool("stream"),
            IncludeUsage = body.Get("stream_options") is { ValueKind: JsonValueKind.Object } options && options.Bool("include_usage"),
            Choices = choices,
            Body = body,
        };
    }

    public override CompatRequest Translated(JsonElement body) => ChatReader.Read(body);

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) =>
        new ChatCompletionWriter(model, now.ToUnixTimeSeconds(), request.Stream, request.IncludeUsage);

    public override AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now) =>
        new ChatCompletionWriter(model, now.ToUnixTimeSeconds(), request.Stream, request.IncludeUsage) { RelaysFrames = true };

    protected override IReadOnlyDictionary<int, string> States(JsonElement body, ResolvedCall call)
    {
        Dictionary<int, string> states = [];
        foreach (var (at, message) in body.Items("messages").Index())
        {
            if (message.Child("tool_calls") is { ValueKind: JsonValueKind.Array } calls && calls.GetArrayLength() > 0
                && calls[0].Text("id") is { } id
                && call.WithState(new ChatTurn(ChatRole.Assistant, "") { ToolCalls = [new ChatToolCall(id, "", "")] }).State is { } state)
            {
                states[at] = state;
            }
        }

        return states;
    }

    /// <summary>Refuses an empty conversation, and the answer of a call that nobody made.</summary>
    private static void CheckAnswers(JsonElement body)
    {
        HashSet<string> calls = [];
        var at = 0;
        foreach (var message in body.Items("messages"))
        {
            foreach (var id in message.Items("tool_calls").Select(call => call.Text("id")).OfType<string>())
            {
                calls.Add(id);
            }

            if (message.String("role") == "tool" && !calls.Contains(message.Required("tool_call_id")))
            {
                throw CompatRefusal.Bad(
                    $"messages[{at}]: the role tool answers {message.String("tool_call_id")}, but no tool_calls before it have this id.");
            }

            at++;
        }

        if (at == 0)
        {
            throw CompatRefusal.Bad("messages is empty.");
        }
    }

    private static int? MaxTokens(JsonElement body) => body.Positive("max_completion_tokens") ?? body.Positive("max_tokens");
}
