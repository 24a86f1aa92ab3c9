using System.Globalization;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Ollama;

/// <summary>Writes the body of a chat request.</summary>
internal static class OllamaBody
{
    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        request = WithForm(request.Without(refused));
        using var body = new RequestBody();
        var json = body.Json;
        json.WriteString("model", request.Model);
        json.WriteStartArray("messages");
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            json.WriteStartObject();
            json.WriteString("role", "system");
            json.WriteString("content", request.SystemPrompt);
            json.WriteEndObject();
        }

        var turns = ChatTurns.Clean(request.Turns);
        foreach (var turn in turns)
        {
            WriteTurn(body, turn, turns);
        }

        json.WriteEndArray();
        json.WriteBoolean("stream", true);
        WriteThink(json, request, refused);
        WriteTools(json, request);
        WriteFormat(json, request.Format);
        WriteOptions(body, request);
        WriteKeepAlive(json, request.KeepAlive);
        return body.Finish(request.ExtraBody);
    }

    /// <summary>
    /// Ollama cannot be told that a tool must be called. When only one may be, its arguments are the form of the answer instead, and
    /// <see cref="OllamaParser"/> reads them as its call.
    /// </summary>
    private static ChatRequest WithForm(ChatRequest request)
    {
        if (ChatTool.Forced(request.Tools, request.ToolChoice) is not { } tool)
        {
            return request;
        }

        var form = new ChatFormat(tool.Name, tool.ParametersJson);
        var about = tool.Description.Length == 0 ? tool.Name : $"{tool.Name} ({tool.Description})";
        var asked = $"Call the tool {about} by its arguments alone. {form.InWords}";
        return request with
        {
            Tools = [],
            ToolChoice = null,
            Format = form,
            SystemPrompt = string.IsNullOrWhiteSpace(request.SystemPrompt) ? asked : $"{request.SystemPrompt}\n\n{asked}",
        };
    }

    private static void WriteTurn(RequestBody body, ChatTurn turn, List<ChatTurn> turns)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("role", turn.Role switch { ChatRole.User => "user", ChatRole.Assistant => "assistant", ChatRole.Tool => "tool" });
        json.WriteString("content", turn.Role == ChatRole.Tool ? turn.ResultText : turn.Text);
        if (turn.Role == ChatRole.Tool
            && turns.SelectMany(other => other.ToolCalls).FirstOrDefault(call => call.Id == turn.ToolCallId) is { } answered)
        {
            json.WriteString("tool_name", answered.Name);
        }

        if (turn.Images.Count > 0)
        {
            json.WriteStartArray("images");
            foreach (var image in turn.Images)
            {
                body.Image(image, dataUrl: false);
            }

            json.WriteEndArray();
        }

        if (turn.ToolCalls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in turn.ToolCalls)
            {
                json.WriteStartObject();
                json.WriteStartObject("function");
                json.WriteString("name", call.Name);
                json.WritePropertyName("arguments");
                RequestBody.WriteArguments(json, call);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteThink(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        var effort = request.Reasoning.Level?.AtMost(ReasoningEffort.High);
        var enabled = effort == ReasoningEffort.None ? false : request.Reasoning.Enabled;
        if (refused.HasFlag(Refused.Thinking) || (enabled is null && effort is null))
        {
            return;
        }

        // gpt-oss takes levels and cannot switch thinking off; all other models take a switch.
        if (request.Model.Contains("gpt-oss", StringComparison.Ordinal))
        {
            var isLow = enabled == false || effort == ReasoningEffort.Minimal;
            json.WriteString("think", isLow ? "low" : (effort ?? ReasoningEffort.Medium).Word());
        }
        else
        {
            json.WriteBoolean("think", enabled ?? true);
        }
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request)
    {
        if (request.Tools.Count == 0 || request.ToolChoice == "none")
        {
            return;
        }

        RequestBody.WriteFunctions(json, request.Tools);
    }

    private static void WriteFormat(Utf8JsonWriter json, ChatFormat? format)
    {
        if (format is { IsAnyObject: true })
        {
            json.WriteString("format", "json");
        }
        else if (format is not null)
        {
            json.WritePropertyName("format");
            RequestBody.WriteObject(json, format.SchemaJson);
        }
    }

    // A number is seconds, and -1 for ever; a text has a unit.
    public static void WriteKeepAlive(Utf8JsonWriter json, string keepAlive)
    {
        if (int.TryParse(keepAlive, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds))
        {
            json.WriteNumber("keep_alive", seconds);
        }
        else if (keepAlive.Length > 0)
        {
            json.WriteString("keep_alive", keepAlive);
        }
    }

    private static void WriteOptions(RequestBody body, ChatRequest request)
    {
        var sampling = request.Sampling;
        if (sampling == ChatSampling.Unset && request.ContextLimit is null)
        {
            return;
        }

        body.Json.WriteStartObject("options");
        body.Number("num_ctx", (long?)request.ContextLimit);
        body.Number("temperature", sampling.Temperature);
        body.Number("top_p", sampling.TopP);
        body.Number("top_k", (long?)sampling.TopK);
        body.Number("num_predict", (long?)sampling.MaxOutputTokens);
        body.Number("seed", sampling.Seed);
        body.Number("presence_penalty", sampling.PresencePenalty);
        body.Number("frequency_penalty", sampling.FrequencyPenalty);
        body.Strings("stop", sampling.Stop);
        body.Json.WriteEndObject();
    }
}
