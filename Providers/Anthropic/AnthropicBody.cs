using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Anthropic;

/// <summary>Writes the body of a Messages request.</summary>
internal static class AnthropicBody
{
    /// <summary>The least budget of thinking that the API takes.</summary>
    private const int MinBudget = 1_024;

    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        var form = request.Format is { IsAnyObject: true } ? Refused.Format : 0;
        var thinks = Thinks(request, refused);
        request = request.Without((refused & (Refused.Format | Refused.RoleOrder)) | form, GoesOn(request, refused));
        using var body = new RequestBody();
        var json = body.Json;
        var adaptive = IsAdaptive(request.Model) != refused.HasFlag(Refused.ThinkingStyle);
        json.WriteString("model", request.Model);
        var budget = thinks && !adaptive ? Budget(request) : 0;
        json.WriteNumber("max_tokens", (request.Sampling.MaxOutputTokens ?? DefaultOutput(request.Model)) + budget);
        var marks = new CacheMark(request.CachesPrompt && !refused.HasFlag(Refused.CacheMarks), request.CacheTtl);
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            WriteSystem(json, request.SystemPrompt, marks);
        }

        WriteMessages(body, request, marks);
        json.WriteBoolean("stream", true);
        if (thinks)
        {
            WriteThinking(json, request, adaptive);
        }

        WriteOutput(json, request, thinks && adaptive && !refused.HasFlag(Refused.ReasoningEffort));
        WriteSampling(body, request, (thinks && !request.Exact) || refused.HasFlag(Refused.Sampling));
        AnthropicTools.Write(body, request, refused, thinks, marks.If(string.IsNullOrWhiteSpace(request.SystemPrompt)));
        if (request.UserId is not null)
        {
            json.WriteStartObject("metadata");
            json.WriteString("user_id", request.UserId);
            json.WriteEndObject();
        }

        return body.Finish(request.ExtraBody);
    }

    /// <summary>
    /// Whether a last turn of the assistant is the beginning of the answer: Claude before 4.6, while it does not think (Claude docs,
    /// "Prefill Claude's response").
    /// </summary>
    public static bool GoesOn(ChatRequest request, Refused refused) =>
        Version(request.Model) is (( > 0, _) and not (4, >= 6) and not ( > 4, _)) && !Thinks(request, refused);

    private static bool Thinks(ChatRequest request, Refused refused) =>
        (request.Reasoning.Enabled ?? request.Reasoning.Level is not (null or ReasoningEffort.None)) && !refused.HasFlag(Refused.Thinking);

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

    private static int Budget(ChatRequest request) => request.Reasoning.Budget is > 0 and var budget
        ? Math.Max(MinBudget, budget)
        : request.Reasoning.Effort switch
        {
            ReasoningEffort.Minimal => MinBudget,
            ReasoningEffort.Low => 2_048,
            ReasoningEffort.High => 16_384,
            ReasoningEffort.XHigh or ReasoningEffort.Max => 32_768,
            _ => 8_192,
        };

    private static void WriteThinking(Utf8JsonWriter json, ChatRequest request, bool adaptive)
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
    }

    private static void WriteOutput(Utf8JsonWriter json, ChatRequest request, bool hasEffort)
    {
        var effort = hasEffort && request.Reasoning.Level is { } level and not ReasoningEffort.None ? level : (ReasoningEffort?)null;
        if (effort is null && request.Format is null)
        {
            return;
        }

        json.WriteStartObject("output_config");
        if (effort is not null)
        {
            json.WriteString("effort", effort == ReasoningEffort.Minimal ? "low" : effort.Value.Word());
        }

        if (request.Format is { } format)
        {
            json.WriteStartObject("format");
            json.WriteString("type", "json_schema");
            json.WritePropertyName("schema");
            RequestBody.WriteObject(json, format.SchemaJson);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteSystem(Utf8JsonWriter json, string text, CacheMark marks)
    {
        if (!marks.IsWanted)
        {
            json.WriteString("system", text);
            return;
        }

        json.WriteStartArray("system");
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        marks.Write(json);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteMessages(RequestBody body, ChatRequest request, CacheMark marks)
    {
        var json = body.Json;
        var turns = ChatTurns.Clean(request.Turns);

        // A conversation must begin with a user turn. Trimming can have removed the first question; a program's list is kept whole.
        var first = turns.FindIndex(turn => turn.Role == ChatRole.User);
        if (request.Exact && turns is [{ Role: ChatRole.Assistant }, ..])
        {
            turns.Insert(0, new ChatTurn(ChatRole.User, StrictTurns.Opening));
        }
        else if (first > 0)
        {
            turns.RemoveRange(0, first);
        }

        var lastUser = turns.FindLastIndex(turn => turn.Role == ChatRole.User);

        // What the model said last is still being written where it is continued, so the cache ends before it.
        var marked = marks.IsWanted ? turns.FindLastIndex(turn => turn.Role != ChatRole.Assistant) : -1;
        json.WriteStartArray("messages");
        for (var at = 0; at < turns.Count; at++)
        {
            json.WriteStartObject();
            json.WriteString("role", turns[at].Role == ChatRole.Assistant ? "assistant" : "user");
            json.WriteStartArray("content");
            if (turns[at].Role == ChatRole.Tool)
            {
                // All results of one round of calls belong in one message.
                WriteResult(body, turns[at], marks.If(at == marked));
                while (at + 1 < turns.Count && turns[at + 1].Role == ChatRole.Tool)
                {
                    at++;
                    WriteResult(body, turns[at], marks.If(at == marked));
                }
            }
            else
            {
                WriteBlocks(body, turns[at], request, replay: at > lastUser, isLast: at == turns.Count - 1, marks.If(at == marked));
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteBlocks(RequestBody body, ChatTurn turn, ChatRequest request, bool replay, bool isLast, CacheMark marks)
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

        WriteFiles(body, turn, marks.If(string.IsNullOrWhiteSpace(turn.Text)));

        // An answer to be continued must not end in white space.
        var text = isLast && turn.Role == ChatRole.Assistant ? turn.Text.TrimEnd() : turn.Text;
        if (!string.IsNullOrWhiteSpace(text))
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", text);
            marks.Write(json);

            json.WriteEndObject();
        }

        foreach (var call in turn.ToolCalls)
        {
            json.WriteStartObject();
            json.WriteString("type", "tool_use");
            json.WriteString("id", call.Id);
            json.WriteString("name", call.Name);
            json.WritePropertyName("input");
            RequestBody.WriteArguments(json, call);
            json.WriteEndObject();
        }
    }

    private static void WriteFiles(RequestBody body, ChatTurn turn, CacheMark marks)
    {
        var left = turn.Images.Count + turn.Files.Count;
        foreach (var image in turn.Images)
        {
            WriteFile(body, "image", image, null, marks.If(--left == 0));
        }

        foreach (var file in turn.Files)
        {
            WriteFile(body, "document", file.Content, file.Name, marks.If(--left == 0));
        }
    }

    private static void WriteFile(RequestBody body, string type, ChatImage file, string? name, CacheMark marks)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteStartObject("source");
        json.WriteString("type", "base64");
        json.WriteString("media_type", file.MimeType);
        json.WritePropertyName("data");
        body.Image(file, dataUrl: false);
        json.WriteEndObject();
        if (name is not null)
        {
            json.WriteString("title", name);
        }

        marks.Write(json);

        json.WriteEndObject();
    }

    private static void WriteResult(RequestBody body, ChatTurn turn, CacheMark marks)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("type", "tool_result");
        json.WriteString("tool_use_id", turn.ToolCallId);
        if (turn.Images.Count == 0 && turn.Files.Count == 0)
        {
            json.WriteString("content", turn.Text);
        }
        else
        {
            json.WriteStartArray("content");
            if (!string.IsNullOrWhiteSpace(turn.Text))
            {
                json.WriteStartObject();
                json.WriteString("type", "text");
                json.WriteString("text", turn.Text);
                json.WriteEndObject();
            }

            WriteFiles(body, turn, default);
            json.WriteEndArray();
        }

        if (turn.ToolFailed)
        {
            json.WriteBoolean("is_error", true);
        }

        marks.Write(json);

        json.WriteEndObject();
    }

    private static void WriteSampling(RequestBody body, ChatRequest request, bool plain)
    {
        body.Strings("stop_sequences", [.. request.Sampling.Stop.Where(stop => !string.IsNullOrWhiteSpace(stop))]);
        if (plain)
        {
            return;
        }

        if (request.Sampling.Temperature is { } temperature)
        {
            body.Number("temperature", Math.Clamp(temperature, 0, 1));
        }

        // Newer models take one of the two, not both. A program that sends both hears so from the provider; 1 changes nothing.
        if (request.Sampling.Temperature is null || (request.Exact && request.Sampling.TopP is not 1))
        {
            body.Number("top_p", request.Sampling.TopP);
        }

        body.Number("top_k", (long?)request.Sampling.TopK);
    }
}
