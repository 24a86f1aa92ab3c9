using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>Writes the body of a chat completion request.</summary>
internal static class OpenAiBody
{
    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        request = request.Without(refused, goesOn: OpenAiHosts.PrefixMember(request.Endpoint.BaseUrl) is not null);
        using var body = new RequestBody();
        var json = body.Json;
        json.WriteString("model", request.Model);
        json.WriteStartArray("messages");
        WriteConversation(body, request, new CacheMark(MarksCache(request, refused), request.CacheTtl));
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
        OpenAiTools.Write(json, request, refused);
        WriteForm(json, request);
        if (request.UserId is not null && !refused.HasFlag(Refused.User))
        {
            json.WriteString("user", request.UserId);
        }

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

    // OpenRouter passes the marks on to Claude; the other models behind it cache by themselves.
    private static bool MarksCache(ChatRequest request, Refused refused) =>
        request.CachesPrompt && !refused.HasFlag(Refused.CacheMarks)
        && OpenAiHosts.Find(request.Endpoint.BaseUrl) == OpenAiHost.OpenRouter
        && request.Model.Contains("claude", StringComparison.OrdinalIgnoreCase);

    private static void WriteConversation(RequestBody body, ChatRequest request, CacheMark marks)
    {
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            body.Json.WriteStartObject();
            body.Json.WriteString("role", "system");
            WriteText(body.Json, request.SystemPrompt, marks);
            body.Json.WriteEndObject();
        }

        var turns = ChatTurns.Clean(request.Turns);
        var marked = turns.FindLastIndex(turn => turn.Role != ChatRole.Assistant && turn.Text.Length > 0);
        for (var at = 0; at < turns.Count; at++)
        {
            WriteTurn(body, turns[at], request, isLast: at + 1 == turns.Count, marks.If(at == marked));
            if (turns[at].Role == ChatRole.Tool && (at + 1 == turns.Count || turns[at + 1].Role != ChatRole.Tool))
            {
                WriteResultParts(body, turns, at);
            }
        }
    }

    // A result holds only text in this protocol, so the pictures of a round of results are shown by the user after them.
    private static void WriteResultParts(RequestBody body, List<ChatTurn> turns, int last)
    {
        var first = turns.FindLastIndex(last, turn => turn.Role != ChatRole.Tool) + 1;
        var results = turns[first..(last + 1)].Where(turn => turn.Images.Count > 0 || turn.Files.Count > 0).ToList();
        if (results.Count > 0)
        {
            var calls = string.Join(", ", results.Select(turn => turn.ToolCallId));
            var shown = new ChatTurn(ChatRole.User, $"What the tools showed ({calls}):")
            {
                Images = [.. results.SelectMany(turn => turn.Images)],
                Files = [.. results.SelectMany(turn => turn.Files)],
            };
            body.Json.WriteStartObject();
            body.Json.WriteString("role", "user");
            WriteParts(body, shown, default);
            body.Json.WriteEndObject();
        }
    }

    private static void WriteTurn(RequestBody body, ChatTurn turn, ChatRequest request, bool isLast, CacheMark mark)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("role", turn.Role switch { ChatRole.User => "user", ChatRole.Assistant => "assistant", ChatRole.Tool => "tool" });
        if (turn.Role == ChatRole.Tool || (turn.Images.Count == 0 && turn.Files.Count == 0))
        {
            WriteText(json, turn.Role == ChatRole.Tool ? turn.ResultText : turn.Text, mark);
        }
        else
        {
            WriteParts(body, turn, mark);
        }

        if (turn.Role == ChatRole.Tool)
        {
            json.WriteString("tool_call_id", turn.ToolCallId);
        }

        if (turn.ToolCalls.Count > 0)
        {
            WriteCalls(json, turn, request);
        }
        else if (isLast && turn.Role == ChatRole.Assistant && OpenAiHosts.PrefixMember(request.Endpoint.BaseUrl) is { } prefix)
        {
            json.WriteBoolean(prefix, true);
        }

        json.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter json, string text, CacheMark mark)
    {
        if (!mark.IsWanted)
        {
            json.WriteString("content", text);
            return;
        }

        json.WriteStartArray("content");
        WriteTextPart(json, text, mark);
        json.WriteEndArray();
    }

    private static void WriteTextPart(Utf8JsonWriter json, string text, CacheMark mark)
    {
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        mark.Write(json);
        json.WriteEndObject();
    }

    private static void WriteParts(RequestBody body, ChatTurn turn, CacheMark mark)
    {
        var json = body.Json;
        json.WriteStartArray("content");
        if (turn.Text.Length > 0)
        {
            WriteTextPart(json, turn.Text, mark);
        }

        foreach (var image in turn.Images)
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WritePropertyName("url");
            body.Image(image, dataUrl: true);
            if (image.Detail is not null)
            {
                json.WriteString("detail", image.Detail);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        foreach (var file in turn.Files)
        {
            WriteFile(body, file);
        }

        json.WriteEndArray();
    }

    private static void WriteFile(RequestBody body, ChatFile file)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("type", file.IsAudio ? "input_audio" : "file");
        json.WriteStartObject(file.IsAudio ? "input_audio" : "file");
        if (!file.IsAudio)
        {
            json.WriteString("filename", file.Name);
        }

        json.WritePropertyName(file.IsAudio ? "data" : "file_data");
        body.Image(file.Content, dataUrl: !file.IsAudio);
        if (file.IsAudio)
        {
            json.WriteString("format", file.Content.MimeType["audio/".Length..]);
        }

        json.WriteEndObject();
        json.WriteEndObject();
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
            json.WriteString("arguments", ToolArguments.Whole(call.Arguments));
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

        // They refuse a history whose tool calls lack the member, or have nothing in it, also when another model made them.
        if (!written && OpenAiHosts.Find(request.Endpoint.BaseUrl) is OpenAiHost.DeepSeek or OpenAiHost.Moonshot)
        {
            json.WriteString("reasoning_content", " ");
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
        if ((reasoning && !request.Exact) || refused.HasFlag(Refused.Sampling))
        {
            return;
        }

        body.Number("temperature", sampling.Temperature);
        body.Number("top_p", sampling.TopP);
        body.Number("frequency_penalty", sampling.FrequencyPenalty);
        body.Number("presence_penalty", sampling.PresencePenalty);
        body.Strings("stop", sampling.Stop);

        // OpenAI itself has no top_k and refuses unknown members; a program hears so.
        if (request.Exact || OpenAiHosts.Find(request.Endpoint.BaseUrl) != OpenAiHost.OpenAi)
        {
            body.Number("top_k", (long?)sampling.TopK);
        }
    }

    private static void WriteReasoning(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        var (enabled, effort) = (request.Reasoning.Enabled, request.Reasoning.Level);
        effort = effort?.AtMost(ReasoningEffort.XHigh);
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
                else if (request.Reasoning is { Effort: null, Budget: { } budget })
                {
                    json.WriteNumber("max_tokens", budget);
                }
                else
                {
                    json.WriteString("effort", effort.Value.Word());
                }

                json.WriteEndObject();
            }

            return;
        }

        if (effort is not null && (enabled != false || effort == ReasoningEffort.None) && !refused.HasFlag(Refused.ReasoningEffort))
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

    private static void WriteForm(Utf8JsonWriter json, ChatRequest request)
    {
        if (request.Format is { } format)
        {
            json.WriteStartObject("response_format");
            json.WriteString("type", format.IsAnyObject ? "json_object" : "json_schema");
            if (!format.IsAnyObject)
            {
                json.WriteStartObject("json_schema");
                OpenAiResponsesBody.WriteSchema(json, format);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        if (request.Verbosity is not null)
        {
            json.WriteString("verbosity", request.Verbosity);
        }
    }
}
