using System.Text;
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

    public override CompatRequest Translated(JsonElement body)
    {
        var system = new StringBuilder(body.String("instructions"));
        var turns = ReadInput(body, system);
        if (turns.Count == 0)
        {
            throw CompatRefusal.Bad("input is empty.");
        }

        var text = body.Get("text");
        var reasoning = body.Get("reasoning");
        return new CompatRequest
        {
            Model = body.Required("model"),
            System = system.Length == 0 ? null : system.ToString(),
            Turns = turns,
            Sampling = new ChatSampling
            {
                Temperature = body.Double("temperature"),
                TopP = body.Double("top_p"),
                MaxOutputTokens = body.Positive("max_output_tokens"),
            },
            Effort = reasoning.ValueKind == JsonValueKind.Undefined ? null : ToolMapping.Effort(reasoning.String("effort")),
            Tools = [.. body.Items("tools")
                .Where(tool => tool.String("type") == "function")
                .Select(tool => ToolMapping.Tool(tool, "parameters"))],
            ToolChoice = ToolMapping.Choice(body.Get("tool_choice"), null),
            Schema = text.ValueKind == JsonValueKind.Undefined ? null : ToolMapping.Schema(text.Get("format"), null),
            Stream = body.Bool("stream"),
            Body = body,
        };
    }

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) =>
        new ResponseWriter(model, now.ToUnixTimeSeconds());

    public override AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now) =>
        new ResponseRelay(model, request.Stream, now.ToUnixTimeSeconds());

    /// <summary>Refuses an empty input, and the output of a call that nobody made.</summary>
    private static void CheckOutputs(JsonElement body)
    {
        // A stored prompt of the provider may have an input of its own.
        var input = body.Get("input");
        if (input.ValueKind is JsonValueKind.String || (input.ValueKind is JsonValueKind.Undefined && body.Child("prompt").ValueKind == JsonValueKind.Object))
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

    private static List<ChatTurn> ReadInput(JsonElement body, StringBuilder system)
    {
        if (body.Get("input").ValueKind == JsonValueKind.String)
        {
            return [new ChatTurn(ChatRole.User, body.Required("input"))];
        }

        List<ChatTurn> turns = [];
        List<ChatImage> images = [];
        foreach (var item in body.Items("input"))
        {
            switch (item.String("type") ?? "message")
            {
                case "message":
                    ReadMessage(item, system, turns, images);
                    break;
                case "function_call":
                    AddCall(turns, new ChatToolCall(item.Required("call_id"), item.Required("name"), item.String("arguments") ?? ""));
                    break;
                case "function_call_output":
                    var output = ReadContent(item.Get("output"), [], images);
                    turns.Add(new ChatTurn(ChatRole.Tool, output) { ToolCallId = item.Required("call_id") });
                    break;
                case "reasoning":
                    break; // CallStates holds the provider state that belongs to the calls
                case var type:
                    throw CompatRefusal.Bad($"Items of type {type} are not supported.");
            }
        }

        return turns;
    }

    private static void ReadMessage(JsonElement item, StringBuilder system, List<ChatTurn> turns, List<ChatImage> images)
    {
        List<ChatImage> own = [];
        var text = ReadContent(item.Get("content"), own, images);
        CompatBody.AddMessage(item.Required("role"), text, own, system, turns);
    }

    /// <summary>Adds a call to its turn: the calls of one answer are separate items here.</summary>
    private static void AddCall(List<ChatTurn> turns, ChatToolCall call)
    {
        if (turns is [.., { Role: ChatRole.Assistant } last])
        {
            turns[^1] = last with { ToolCalls = [.. last.ToolCalls, call] };
        }
        else
        {
            turns.Add(new ChatTurn(ChatRole.Assistant, "") { ToolCalls = [call] });
        }
    }

    private static string ReadContent(JsonElement content, List<ChatImage> own, List<ChatImage> images) =>
        CompatBody.Text(content, (part, text) =>
        {
            switch (part.Required("type"))
            {
                case "input_text" or "output_text" or "text":
                    text.Append(part.String("text"));
                    break;
                case "refusal":
                    text.Append(part.String("refusal"));
                    break;
                case "input_image":
                    own.Add(part.Image("image_url", images));
                    break;
                case var type:
                    throw CompatRefusal.Bad($"Parts of type {type} are not supported.");
            }
        });
}
