using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Reads chat completions, streamed or whole, in the form of OpenAI's API reference ("Chat", "Streaming") and in the variants of DeepSeek,
/// OpenRouter, vLLM, LM Studio, Mistral, Moonshot, Groq and Gemini's compatible API.
/// </summary>
internal sealed class OpenAiParser(ChatRequest request) : ReplyParser(request)
{
    private OpenAiToolCalls? _tools;
    private string? _content;
    private string? _reasoning;
    private string? _finish;
    private bool _otherChoice;
    private bool _known;
    private bool _error;
    private bool _audio;
    private bool _whole;
    private string? _reason;
    private int _ended;
    private OpenAiUsage _usage;

    /// <summary>What later turns must send back; created only when an answer has some of it.</summary>
    private OpenAiReplay Replay => field ??= new OpenAiReplay();

    public override void Read(ref Utf8JsonReader reader)
    {
        var whole = reader;
        _content = _reasoning = _finish = null;
        _known = _error = _audio = false;
        _usage = default;
        _tools?.Begin();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadMember(ref reader);
        }

        if (_error || !_known)
        {
            Fail(whole);
        }

        Emit();
        if (Request.Passthrough is not null && _known)
        {
            Output.Frame(JsonElement.ParseValue(ref whole), _audio);
        }
    }

    public override void End()
    {
        if (Output.HasToolCalls && Replay.Pack(Request.Model) is { } state)
        {
            Output.State(state);
        }
    }

    private void ReadMember(ref Utf8JsonReader reader)
    {
        if (reader.ValueTextEquals("choices"u8))
        {
            _known = true;
            reader.Read();
            ReadChoices(ref reader);
        }
        else if (reader.ValueTextEquals("usage"u8))
        {
            _known = true;
            reader.Read();
            _usage.Read(ref reader);
        }
        else if (reader.ValueTextEquals("x_groq"u8) && !_error)
        {
            reader.Read();
            ReadNestedUsage(ref reader);
        }
        else
        {
            var error = reader.ValueTextEquals("error"u8);
            reader.Read();
            _error |= error && reader.TokenType is JsonTokenType.StartObject or JsonTokenType.String;
            reader.Skip();
        }
    }

    private void ReadNestedUsage(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var usage = reader.ValueTextEquals("usage"u8);
            reader.Read();
            if (usage)
            {
                _usage.Read(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void ReadChoices(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                _otherChoice = OtherChoice(reader);
                ReadChoice(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    // Choices that were not asked for are ignored, so that they do not mix into one text. Choices that were asked for count as one answer.
    private static bool OtherChoice(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var index = reader.ValueTextEquals("index"u8);
            reader.Read();
            if (index)
            {
                return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var value) && value != 0;
            }

            reader.Skip();
        }

        return false;
    }

    private void ReadChoice(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (_otherChoice && Request.Passthrough is null)
            {
                reader.Skip();
            }
            else if (reader.ValueTextEquals("delta"u8) || reader.ValueTextEquals("message"u8))
            {
                _whole |= reader.ValueTextEquals("message"u8);
                reader.Read();
                ReadDelta(ref reader);
            }
            else if (reader.ValueTextEquals("finish_reason"u8))
            {
                reader.Read();
                ReadFinish(ref reader);
            }
            else if (reader.ValueTextEquals("text"u8))
            {
                reader.Read();
                _content ??= LenientJson.Read(ref reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                _usage.Read(ref reader);
            }
            else
            {
                var error = reader.ValueTextEquals("error"u8);
                reader.Read();
                _error |= error && reader.TokenType == JsonTokenType.StartObject;
                reader.Skip();
            }
        }
    }

    private void ReadFinish(ref Utf8JsonReader reader)
    {
        if (LenientJson.Read(ref reader) is { Length: > 0 } reason)
        {
            _ended++;
            _finish = _otherChoice ? _finish : reason;
        }

        reader.Skip();
    }

    private void ReadDelta(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("content"u8))
            {
                reader.Read();
                ReadContent(ref reader);
            }
            else if (reader.ValueTextEquals("reasoning_content"u8) || reader.ValueTextEquals("reasoning"u8)
                || reader.ValueTextEquals("thinking"u8))
            {
                reader.Read();

                // Gateways that write two of the names write the same text under both.
                _reasoning = string.IsNullOrEmpty(_reasoning) ? LenientJson.Read(ref reader) : _reasoning;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("tool_calls"u8) && !_otherChoice)
            {
                reader.Read();
                (_tools ??= new OpenAiToolCalls()).Read(ref reader);
            }
            else if (reader.ValueTextEquals("audio"u8))
            {
                reader.Read();
                ReadAudio(ref reader);
            }
            else if (reader.ValueTextEquals("refusal"u8))
            {
                reader.Read();
                _content = LenientJson.Read(ref reader) is { Length: > 0 } refusal ? _content + refusal : _content;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("reasoning_details"u8))
            {
                reader.Read();
                Replay.AddDetails(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    // Audio is passed through, not played; its transcript counts as text.
    private void ReadAudio(ref Utf8JsonReader reader)
    {
        if (Request.Passthrough is null || reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        using var audio = JsonDocument.ParseValue(ref reader);
        _audio = true;
        _content += audio.RootElement.Text("transcript");
    }

    private void ReadContent(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            _content += LenientJson.Read(ref reader);
            reader.Skip();
            return;
        }

        // Mistral's reasoning models, and some gateways, send parts instead of a string.
        using var parts = JsonDocument.ParseValue(ref reader);
        foreach (var part in parts.RootElement.EnumerateArray().Where(part => part.ValueKind == JsonValueKind.Object))
        {
            if (part.TryGetProperty("thinking", out var thinking))
            {
                _reasoning += PartText(thinking);
            }
            else if (part.TryGetProperty("text", out var text))
            {
                _content += PartText(text);
            }
        }
    }

    private static string PartText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => LenientJson.Read(value)!,
        JsonValueKind.Array => string.Concat(value.EnumerateArray().Select(part => part.Text("text"))),
        _ => "",
    };

    private void Emit()
    {
        Output.Reasoning(_reasoning);
        if (_reasoning is not null)
        {
            Replay.AddReasoning(_reasoning);
        }

        Output.Text(_content);
        _tools?.Emit(Output, Replay);
        if (_usage.Any)
        {
            Output.Usage(_usage.Prompt, _usage.Completion, _usage.Reasoning, _usage.Cached);
        }

        _reason = _finish ?? _reason;
        if (_reason is not null && (_whole || _ended >= (Request.Passthrough?.Choices ?? 1)))
        {
            Output.Finish(Reason(_reason), _reason);
        }
    }

    private static FinishReason Reason(string word) => word switch
    {
        "stop" or "eos" or "end_turn" or "stop_sequence" => FinishReason.Stop,
        "length" or "max_tokens" or "model_length" or "model_context_window_exceeded" => FinishReason.Length,
        "tool_calls" or "function_call" or "tool_use" => FinishReason.ToolCalls,
        "content_filter" or "refusal" or "sensitive" => FinishReason.ContentFilter,
        _ => FinishReason.Other,
    };

    private void Fail(Utf8JsonReader whole)
    {
        using var document = JsonDocument.ParseValue(ref whole);
        var root = document.RootElement;
        var error = ErrorText.Read(root);
        if (root.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() > 0
            && choices[0].TryGetProperty("error", out _))
        {
            error = ErrorText.Read(choices[0]);
        }

        if (_error || error.Message.Length > 0)
        {
            throw ProviderErrors.FromError(error, Request.Endpoint);
        }
    }
}
