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
    private string? _legacy;
    private string? _reasoning;
    private string? _wholeContent;
    private string? _wholeReasoning;
    private string? _finish;
    private string? _native;
    private (string Text, bool IsWhole) _details;
    private bool _pieces;
    private bool _inMessage;
    private bool _otherChoice;
    private bool _known;
    private bool _error;
    private bool _speaks;
    private bool _whole;
    private bool _refuses;
    private string? _stopWord;
    private string? _reason;
    private int _ended;
    private OpenAiUsage _usage;
    private OpenAiSources _sources;

    private string? Content
    {
        get => _inMessage ? _wholeContent : _content;
        set => (_inMessage ? ref _wholeContent : ref _content) = value;
    }

    private string? Reasoning
    {
        get => _inMessage ? _wholeReasoning : _reasoning;
        set => (_inMessage ? ref _wholeReasoning : ref _reasoning) = value;
    }

    /// <summary>What later turns must send back; created only when an answer has some of it.</summary>
    private OpenAiReplay Replay => field ??= new OpenAiReplay();

    public override void Read(ref Utf8JsonReader reader)
    {
        var whole = reader;
        _content = _legacy = _reasoning = _wholeContent = _wholeReasoning = _finish = _native = null;
        _details = ("", false);
        _known = _error = _speaks = _refuses = false;
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
        if (Request.Passthrough is not null && (_known || _usage.Any))
        {
            Output.Frame(JsonElement.ParseValue(ref whole), _speaks);
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
            reader.Read();
            _known |= reader.TokenType == JsonTokenType.StartArray;
            ReadChoices(ref reader);
        }
        else if (reader.ValueTextEquals("usage"u8))
        {
            reader.Read();
            _usage.Read(ref reader);
        }
        else if (reader.ValueTextEquals("x_groq"u8) && !_error)
        {
            reader.Read();
            _usage.ReadInside(ref reader);
        }
        else if (OpenAiSources.IsNamed(ref reader))
        {
            _sources.Read(ref reader, Output);
        }
        else
        {
            _error |= ErrorText.Names(ref reader);
            reader.Skip();
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
                _otherChoice = OpenAiChoice.IsOther(reader);
                ReadChoice(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
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
                _inMessage = reader.ValueTextEquals("message"u8);
                _whole |= _inMessage;
                reader.Read();
                ReadDelta(ref reader);
            }
            else if (reader.ValueTextEquals("finish_reason"u8))
            {
                reader.Read();
                ReadFinish(ref reader);
            }
            else if (reader.ValueTextEquals("native_finish_reason"u8))
            {
                reader.Read();
                _native = LenientJson.Read(ref reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("stop_reason"u8) || reader.ValueTextEquals("matched_stop"u8))
            {
                // The stop word of vLLM and of SGLang; a number is a token.
                reader.Read();
                _stopWord = reader.TokenType == JsonTokenType.String ? LenientJson.Read(ref reader) : _stopWord;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("text"u8))
            {
                reader.Read();
                _legacy = LenientJson.Read(ref reader);
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
                || reader.ValueTextEquals("reasoning_text"u8) || reader.ValueTextEquals("thinking"u8))
            {
                reader.Read();

                // Gateways that write two of the names write the same text under both.
                var thought = AnswerPartReader.Thought(ref reader);
                Reasoning = string.IsNullOrEmpty(Reasoning) ? thought : Reasoning;
            }
            else if (reader.ValueTextEquals("tool_calls"u8) && !_otherChoice)
            {
                reader.Read();
                _speaks |= reader.TokenType == JsonTokenType.StartArray; // also calls of kinds that are not known here
                (_tools ??= new OpenAiToolCalls()).Read(ref reader, _inMessage);
            }
            else if (reader.ValueTextEquals("function_call"u8) && !_otherChoice)
            {
                // The member that tool_calls replaced.
                reader.Read();
                (_tools ??= new OpenAiToolCalls()).ReadFunction(ref reader, _inMessage);
            }
            else if (reader.ValueTextEquals("audio"u8))
            {
                reader.Read();
                ReadAudio(ref reader);
            }
            else if (reader.ValueTextEquals("refusal"u8))
            {
                reader.Read();
                var refusal = LenientJson.Read(ref reader);
                _refuses |= !string.IsNullOrEmpty(refusal);
                Content += refusal;
                reader.Skip();
            }
            else if ((reader.ValueTextEquals("images"u8) || reader.ValueTextEquals("image"u8)) && !_otherChoice)
            {
                reader.Read();
                ReadImages(ref reader);
            }
            else if (!_otherChoice && OpenAiSources.IsInMessage(ref reader))
            {
                OpenAiSources.ReadInMessage(ref reader, Output);
            }
            else if (reader.ValueTextEquals("reasoning_details"u8))
            {
                reader.Read();
                _details = Replay.AddDetails(ref reader);
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
        _speaks = true;
        Content += audio.RootElement.Text("transcript");
    }

    private void ReadImages(ref Utf8JsonReader reader)
    {
        using var list = JsonDocument.ParseValue(ref reader);
        var images = list.RootElement;
        if (images.ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            AddImage(images);
        }

        foreach (var item in images.ValueKind == JsonValueKind.Array ? images.EnumerateArray() : default)
        {
            AddImage(item);
        }
    }

    // A picture that stands elsewhere is not fetched: who reads the answer decides whether to follow the link.
    private void AddImage(JsonElement item)
    {
        if (Request.Passthrough is not null)
        {
            _speaks = true;
        }
        else if (AnswerPartReader.Image(Output, item) is { } elsewhere)
        {
            Content += $"\n\n[{elsewhere}]({elsewhere})\n";
        }
    }

    private void ReadContent(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.StartObject))
        {
            Content += LenientJson.Read(ref reader);
            return;
        }

        // Mistral's reasoning models, and some gateways, send parts, or one of them, instead of a string.
        using var content = JsonDocument.ParseValue(ref reader);
        foreach (var part in AnswerPartReader.Parts(content.RootElement))
        {
            Reasoning += AnswerPartReader.Text(part.Child("thinking"));
            Content += LenientJson.Read(part) ?? AnswerPartReader.Text(part.Child("text"));
            if (AnswerPartReader.IsImage(part))
            {
                AddImage(part);
            }
        }
    }

    private void Emit()
    {
        _content = string.IsNullOrEmpty(_content) && string.IsNullOrEmpty(_wholeContent) ? _legacy : _content;
        var mark = Output.ReasoningMark;
        var isDetailed = string.IsNullOrEmpty(_reasoning) && string.IsNullOrEmpty(_wholeReasoning);
        var isWhole = _details.IsWhole || _inMessage;
        Output.Reasoning(isDetailed && !isWhole ? _details.Text : _reasoning);
        Output.WholeReasoning(isDetailed && isWhole ? _details.Text : _wholeReasoning, adds: !_pieces);
        if (Output.ReasoningMark.Length > mark.Length)
        {
            Replay.AddReasoning(_reasoning ?? _wholeReasoning);
        }

        Output.Refuses = _refuses;
        if (_finish is null)
        {
            Output.Text(_content);
        }
        else
        {
            Output.LastText(_content);
        }

        _pieces |= !string.IsNullOrEmpty(_content);
        Output.WholeText(_wholeContent, adds: !_pieces);
        _tools?.Emit(Output, Replay);
        if (_finish is not null && Request.Passthrough is not null)
        {
            Output.FlushCalls(); // a program reads no call behind the frame that names the end
        }

        if (_usage.Any)
        {
            _usage.Settle();
            var hours = Request.CacheTtl == CacheMark.Hour ? _usage.CacheWrite : null;
            Output.Usage(_usage.Prompt, _usage.Completion, _usage.Reasoning, _usage.Cached, _usage.CacheWrite, hours);
        }

        _finish = _finish is null ? null : FinishWords.Of(_finish, _native);
        _reason = _finish ?? _reason;
        if (_reason is not null && (_whole || _ended >= (Request.Passthrough?.Choices ?? 1)))
        {
            Output.Finish(_reason, _stopWord);
        }
    }

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

        if (root.Text("object") == "response" && AnswerPartReader.ResponseText(root) is { Length: > 0 } text)
        {
            Output.WholeText(text, adds: true); // a gateway's that answers in OpenAI's other form
            Output.Finish(root.Text("status"));
        }
        else if (_error || error.Message.Length > 0)
        {
            throw ProviderErrors.FromError(error, Request.Endpoint);
        }
    }
}
