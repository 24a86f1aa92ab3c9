using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>OpenAI's Responses API without anything stored (OpenAI API reference: "Create a model response", "Streaming events").</summary>
internal sealed class Responses : Dialect
{
    /// <summary>Members that refer to what a provider stored before. It belongs to the key of the connection, not to the user.</summary>
    private static readonly string[] Stored = ["previous_response_id", "conversation", "background"];

    protected override IReadOnlyList<string> CarriedHeaders { get; } = ["openai-beta"];

    public override bool IsSpokenBy(string provider) => provider == "openai_responses";

    protected override CompatRequest Read(JsonElement body)
    {
        foreach (var name in Stored)
        {
            if (body.Get(name).ValueKind is not (JsonValueKind.Undefined or JsonValueKind.False))
            {
                throw CompatRefusal.Bad($"{name}: nothing is kept between calls here. Send the whole input instead.");
            }
        }

        CheckOutputs(body);
        return new CompatRequest
        {
            Model = body.Required("model"),
            Sampling = new ChatSampling { MaxOutputTokens = body.Positive("max_output_tokens") },
            Stream = body.Bool("stream"),
            Body = body,
        };
    }

    public override CompatRequest Translated(JsonElement body) => ResponsesReader.Read(body);

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) =>
        new ResponseWriter(model, now.ToUnixTimeSeconds(), request);

    public override AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now) =>
        new ResponseRelay(request, model, now.ToUnixTimeSeconds());

    /// <summary>Refuses an empty input, and the output of a call that nobody made.</summary>
    private static void CheckOutputs(JsonElement body)
    {
        // A stored prompt of the provider may have an input of its own.
        var input = body.Get("input");
        if (input.ValueKind == JsonValueKind.String
            || (input.ValueKind == JsonValueKind.Undefined && body.Child("prompt").ValueKind == JsonValueKind.Object))
        {
            return;
        }

        HashSet<string> calls = [];
        var whole = true;
        var at = 0;
        foreach (var item in body.Items("input"))
        {
            var type = item.String("type") ?? "message";

            // What stands for items that are not here may be the call.
            whole &= type != "item_reference" && !type.StartsWith("compaction", StringComparison.Ordinal);
            if (type.EndsWith("_call", StringComparison.Ordinal) && item.String("call_id") is { } made)
            {
                calls.Add(made);
            }
            else if (whole && type.EndsWith("_call_output", StringComparison.Ordinal) && item.String("call_id") is { } answered
                && !calls.Contains(answered))
            {
                throw CompatRefusal.Bad($"input[{at}]: {type} answers {answered}, but no call before it has this call_id.");
            }

            at++;
        }

        if (at == 0)
        {
            throw CompatRefusal.Bad("input is empty.");
        }
    }
}
