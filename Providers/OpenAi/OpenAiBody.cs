using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>Writes the body of a chat completion request.</summary>
internal static class OpenAiBody
{
    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        request = request.Without(refused);
        using var body = new RequestBody();
        var json = body.Json;
        json.WriteString("model", request.Model);
        json.WriteStartArray("messages");
        WriteConversation(body, request);
        json.WriteEndArray();
        json.WriteBoolean("stream", true);
        if (!refused.HasFlag(Refused.StreamOptions))
        {
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
        }

        WriteSampling(body, request, refused);
        WriteReasoning(json, request, refused);
        WriteTools(json, request);
        return body.Finish(request.ExtraBody);
    }

    /// <summary>
    /// Models that take <c>max_completion_tokens</c> and refuse sampling parameters: the o-series, and gpt-5 without its chat variants.
    /// </summary>
    public static bool IsReasoningModel(string model)
    {
        var name = model.AsSpan(model.LastIndexOf('/') + 1);
        return name is ['o', >= '1' and <= '9', ..] && (name.Length == 2 || name[2] == '-')
            || (name.StartsWith("gpt-5", StringComparison.Ordinal) && !name.Contains("chat", StringComparison.Ordinal));
    }

    private static void WriteConversation(RequestBody body, ChatRequest request)
    {
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            body.Json.WriteStartObject();
            body.Json.WriteString("role", "system");
            body.Json.WriteString("content", request.SystemPrompt);
            body.Json.WriteEndObject();
        }

        foreach (var turn in ChatTurns.Clean(request.Turns))
        {
            WriteTurn(body, turn, request);
        }
    }

    private static void WriteTurn(RequestBody body, ChatTurn turn, ChatRequest request)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("role", turn.Role switch { ChatRole.User => "user", ChatRole.Assistant => "assistant", ChatRole.Tool => "tool" });
        if (turn.Images.Count == 0)
        {
            json.WriteString("content", turn.Text);
        }
        else
        {
            WriteParts(body, turn);
        }

        if (turn.Role == ChatRole.Tool)
        {
            json.WriteString("tool_call_id", turn.ToolCallId);
        }

        if (turn.ToolCalls.Count > 0)
        {
            WriteCalls(json, turn, request);
        }

        json.WriteEndObject();
    }

    private static void WriteParts(RequestBody body, ChatTurn turn)
    {
        var json = body.Json;
        json.WriteStartArray("content");
        if (turn.Text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", turn.Text);
            json.WriteEndObject();
        }

        foreach (var image in turn.Images)
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WritePropertyName("url");
            body.Image(image, dataUrl: true);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCalls(Utf8JsonWriter json, ChatTurn turn, ChatRequest request)
    {
        var state = ProviderState.Unpack(turn.State, OpenAiReplay.Kind, request.Model);
        var extras = state is { } data && data.TryGetProperty("extras", out var found) ? found : default;
        json.WriteStartArray("tool_calls");
        for (var index = 0; index < turn.ToolCalls.Count; index++)
        {
            var call = turn.ToolCalls[index];
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.Arguments.Length == 0 ? "{}" : call.Arguments);
            json.WriteEndObject();
            if (extras.ValueKind == JsonValueKind.Object && extras.TryGetProperty(index.ToString(), out var extra))
            {
                json.WritePropertyName("extra_content");
                json.WriteRawValue(extra.GetRawText(), skipInputValidation: true);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteThoughts(json, state, request);
    }

    private static void WriteThoughts(Utf8JsonWriter json, JsonElement? state, ChatRequest request)
    {
        var written = false;
        foreach (var name in (string[])["reasoning_content", "reasoning_details"])
        {
            if (state is { } data && data.TryGetProperty(name, out var value))
            {
                json.WritePropertyName(name);
                json.WriteRawValue(value.GetRawText(), skipInputValidation: true);
                written = true;
            }
        }

        // DeepSeek refuses a history whose tool calls lack the member, also when another model made them.
        if (!written && OpenAiHosts.Find(request.Endpoint.BaseUrl) == OpenAiHost.DeepSeek)
        {
            json.WriteString("reasoning_content", "");
        }
    }

    private static void WriteSampling(RequestBody body, ChatRequest request, Refused refused)
    {
        var sampling = request.Sampling;
        var reasoning = IsReasoningModel(request.Model);
        if (sampling.MaxOutputTokens is { } max)
        {
            var completion = (reasoning || refused.HasFlag(Refused.MaxTokens)) && !refused.HasFlag(Refused.MaxCompletionTokens);
            body.Json.WriteNumber(completion ? "max_completion_tokens" : "max_tokens", max);
        }

        body.Number("seed", sampling.Seed);
        if (reasoning || refused.HasFlag(Refused.Sampling))
        {
            return;
        }

        body.Number("temperature", sampling.Temperature);
        body.Number("top_p", sampling.TopP);
        body.Number("frequency_penalty", sampling.FrequencyPenalty);
        body.Number("presence_penalty", sampling.PresencePenalty);
        body.Strings("stop", sampling.Stop);

        // OpenAI itself has no top_k and refuses unknown members.
        if (OpenAiHosts.Find(request.Endpoint.BaseUrl) != OpenAiHost.OpenAi)
        {
            body.Number("top_k", (long?)sampling.TopK);
        }
    }

    private static void WriteReasoning(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        var (enabled, effort) = (request.Reasoning.Enabled, request.Reasoning.Effort);
        var host = OpenAiHosts.Find(request.Endpoint.BaseUrl);
        if (host == OpenAiHost.OpenRouter)
        {
            if (enabled is not null || effort is not null)
            {
                json.WriteStartObject("reasoning");
                if (enabled == false || effort is null)
                {
                    json.WriteBoolean("enabled", enabled != false);
                }
                else
                {
                    json.WriteString("effort", effort.Value.Word());
                }

                json.WriteEndObject();
            }

            return;
        }

        if (effort is not null && enabled != false && !refused.HasFlag(Refused.ReasoningEffort))
        {
            json.WriteString("reasoning_effort", effort.Value.Word());
        }

        if (enabled is { } think && host is OpenAiHost.DeepSeek or OpenAiHost.Zhipu)
        {
            json.WriteStartObject("thinking");
            json.WriteString("type", enabled == true ? "enabled" : "disabled");
            json.WriteEndObject();
        }
        else if (enabled is not null && host == OpenAiHost.Qwen)
        {
            json.WriteBoolean("enable_thinking", enabled.Value);
        }
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request)
    {
        if (request.Tools.Count == 0)
        {
            return;
        }

        RequestBody.WriteFunctions(json, request.Tools);
        if (request.ToolChoice is "auto" or "none" or "required")
        {
            json.WriteString("tool_choice", request.ToolChoice);
        }
        else if (request.ToolChoice is not null)
        {
            json.WriteStartObject("tool_choice");
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", request.ToolChoice);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
