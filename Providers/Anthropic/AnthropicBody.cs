using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Anthropic;

/// <summary>Writes the body of a Messages request.</summary>
internal static class AnthropicBody
{
    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        using var body = new RequestBody();
        var json = body.Json;
        var thinks = (request.Reasoning.Enabled == true || (request.Reasoning.Enabled is null && request.Reasoning.Effort is not null))
            && !refused.HasFlag(Refused.Thinking);
        var adaptive = IsAdaptive(request.Model) != refused.HasFlag(Refused.ThinkingStyle);
        json.WriteString("model", request.Model);
        var budget = thinks && !adaptive ? Budget(request) : 0;
        json.WriteNumber("max_tokens", (request.Sampling.MaxOutputTokens ?? DefaultOutput(request.Model)) + budget);
        var marks = request.CachesPrompt && !refused.HasFlag(Refused.CacheMarks);
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            WriteSystem(json, request.SystemPrompt, marks);
        }

        WriteMessages(body, request, marks);
        json.WriteBoolean("stream", true);
        if (thinks)
        {
            WriteThinking(json, request, refused, adaptive);
        }

        WriteSampling(body, request, thinks || refused.HasFlag(Refused.Sampling));
        WriteTools(json, request, thinks, marks && string.IsNullOrWhiteSpace(request.SystemPrompt));
        return body.Finish(request.ExtraBody);
    }

    /// <summary>
    /// Claude 4.6 and later decide themselves how long to think. Earlier models, and other models behind this protocol, need a budget.
    /// </summary>
    private static bool IsAdaptive(string model)
    {
        var (major, minor) = Version(model);
        return major > 4 || (major == 4 && minor >= 6) || (major == 0 && model.Contains("claude", StringComparison.OrdinalIgnoreCase));
    }

    // max_tokens is mandatory in this protocol, and early models refuse a value above their own limit.
    private static int DefaultOutput(string model) => Version(model) switch
    {
        (3, 0) => 4_096,
        (3, 5) => 8_192,
        _ => 16_384,
    };

    // claude-3-5-sonnet-20241022, claude-opus-4-6, claude-sonnet-4-20250514: the first numbers that are not a date.
    private static (int Major, int Minor) Version(string model)
    {
        if (!model.Contains("claude", StringComparison.OrdinalIgnoreCase))
        {
            return (0, 0);
        }

        var numbers = model.Split('-', '.', '@', ':', '/').SkipWhile(part => !part.Equals("claude", StringComparison.OrdinalIgnoreCase))
            .Where(part => part.Length <= 2 && int.TryParse(part, out _)).Select(int.Parse).ToList();
        return (numbers.Count > 0 ? numbers[0] : 0, numbers.Count > 1 ? numbers[1] : 0);
    }

    private static int Budget(ChatRequest request) => request.Reasoning.Effort switch
    {
        ReasoningEffort.Minimal => 1_024,
        ReasoningEffort.Low => 2_048,
        ReasoningEffort.Medium or null => 8_192,
        ReasoningEffort.High => 16_384,
    };

    private static void WriteThinking(Utf8JsonWriter json, ChatRequest request, Refused refused, bool adaptive)
    {
        json.WriteStartObject("thinking");
        if (adaptive)
        {
            json.WriteString("type", "adaptive");

            // Later models send empty thinking unless the summary is asked for.
            json.WriteString("display", "summarized");
        }
        else
        {
            json.WriteString("type", "enabled");
            json.WriteNumber("budget_tokens", Budget(request));
        }

        json.WriteEndObject();
        if (adaptive && request.Reasoning.Effort is { } effort && !refused.HasFlag(Refused.ReasoningEffort))
        {
            json.WriteStartObject("output_config");
            json.WriteString("effort", effort == ReasoningEffort.Minimal ? "low" : effort.Word());
            json.WriteEndObject();
        }
    }

    private static void WriteSystem(Utf8JsonWriter json, string text, bool marks)
    {
        if (!marks)
        {
            json.WriteString("system", text);
            return;
        }

        json.WriteStartArray("system");
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        WriteMark(json);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    /// <summary>Everything up to and with this block is read from the cache by the next request that begins with it.</summary>
    private static void WriteMark(Utf8JsonWriter json)
    {
        json.WriteStartObject("cache_control");
        json.WriteString("type", "ephemeral");
        json.WriteEndObject();
    }

    private static void WriteMessages(RequestBody body, ChatRequest request, bool marks)
    {
        var json = body.Json;
        var turns = ChatTurns.Clean(request.Turns);

        // A conversation must begin with a user turn; trimming can have removed the first question.
        turns.RemoveRange(0, turns.FindIndex(turn => turn.Role == ChatRole.User) is var first and > 0 ? first : 0);
        var lastUser = turns.FindLastIndex(turn => turn.Role == ChatRole.User);
        json.WriteStartArray("messages");
        for (var at = 0; at < turns.Count; at++)
        {
            json.WriteStartObject();
            json.WriteString("role", turns[at].Role == ChatRole.Assistant ? "assistant" : "user");
            json.WriteStartArray("content");
            if (turns[at].Role == ChatRole.Tool)
            {
                // All results of one round of calls belong in one message.
                WriteResult(json, turns[at], marks && at == turns.Count - 1);
                while (at + 1 < turns.Count && turns[at + 1].Role == ChatRole.Tool)
                {
                    at++;
                    WriteResult(json, turns[at], marks && at == turns.Count - 1);
                }
            }
            else
            {
                var isLast = at == turns.Count - 1;
                WriteBlocks(body, turns[at], request, replay: at > lastUser, isLast, marks && isLast && turns[at].Role == ChatRole.User);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteBlocks(RequestBody body, ChatTurn turn, ChatRequest request, bool replay, bool isLast, bool marks)
    {
        var json = body.Json;
        // Thinking must be sent back while its tool calls are being answered. The provider drops the thinking of earlier answers.
        if (replay && turn.ToolCalls.Count > 0
            && ProviderState.Unpack(turn.State, AnthropicParser.StateKind, request.Model) is { ValueKind: JsonValueKind.Array } blocks)
        {
            foreach (var block in blocks.EnumerateArray())
            {
                json.WriteRawValue(block.GetRawText(), skipInputValidation: true);
            }
        }

        foreach (var image in turn.Images)
        {
            WriteImage(body, image);
        }

        // An answer to be continued must not end in white space.
        var text = isLast && turn.Role == ChatRole.Assistant ? turn.Text.TrimEnd() : turn.Text;
        if (!string.IsNullOrWhiteSpace(text))
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", text);
            if (marks)
            {
                WriteMark(json);
            }

            json.WriteEndObject();
        }

        foreach (var call in turn.ToolCalls)
        {
            json.WriteStartObject();
            json.WriteString("type", "tool_use");
            json.WriteString("id", call.Id);
            json.WriteString("name", call.Name);
            json.WritePropertyName("input");
            RequestBody.WriteObject(json, call.Arguments);
            json.WriteEndObject();
        }
    }

    private static void WriteImage(RequestBody body, ChatImage image)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("type", "image");
        json.WriteStartObject("source");
        json.WriteString("type", "base64");
        json.WriteString("media_type", image.MimeType);
        json.WritePropertyName("data");
        body.Image(image, dataUrl: false);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, ChatTurn turn, bool marks)
    {
        json.WriteStartObject();
        json.WriteString("type", "tool_result");
        json.WriteString("tool_use_id", turn.ToolCallId);
        json.WriteString("content", turn.Text);
        if (turn.ToolFailed)
        {
            json.WriteBoolean("is_error", true);
        }

        if (marks)
        {
            WriteMark(json);
        }

        json.WriteEndObject();
    }

    private static void WriteSampling(RequestBody body, ChatRequest request, bool plain)
    {
        body.Strings("stop_sequences", [.. request.Sampling.Stop.Where(stop => !string.IsNullOrWhiteSpace(stop))]);
        if (plain)
        {
            return;
        }

        // Newer models take one of the two, not both.
        if (request.Sampling.Temperature is { } temperature)
        {
            body.Number("temperature", Math.Clamp(temperature, 0, 1));
        }
        else
        {
            body.Number("top_p", request.Sampling.TopP);
        }

        body.Number("top_k", (long?)request.Sampling.TopK);
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request, bool thinks, bool marks)
    {
        if (request.Tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in request.Tools)
        {
            RequestBody.WriteFunction(json, tool, "input_schema", marks && tool == request.Tools[^1] ? WriteMark : null);
        }

        json.WriteEndArray();

        // A forced call and thinking exclude each other.
        if (request.ToolChoice is { } choice && !(thinks && choice is not ("auto" or "none")))
        {
            json.WriteStartObject("tool_choice");
            json.WriteString("type", choice switch { "auto" or "none" => choice, "required" => "any", _ => "tool" });
            if (choice is not ("auto" or "none" or "required"))
            {
                json.WriteString("name", choice);
            }

            json.WriteEndObject();
        }
    }
}
