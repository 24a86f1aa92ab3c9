using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Google;

/// <summary>Reads generateContent responses, one per event. The stream has no end marker; the last response has a finish reason.</summary>
internal sealed class GoogleParser(ChatRequest request) : DocumentParser(request)
{
    public const string StateKind = "google_genai";

    private readonly Dictionary<int, string> _signatures = [];
    private string? _textSignature;
    private int _calls;
    private int? _prompt;
    private int? _toolUse;
    private int? _answer;
    private int? _thoughts;

    public override void End()
    {
        // Signatures of text are optional; those of calls are required when the results are sent.
        if (_signatures.Count > 0)
        {
            Output.State(ProviderState.Pack(StateKind, Request.Model, Write));
        }
    }

    protected override void Read(JsonElement frame)
    {
        var candidates = frame.Child("candidates");
        if (candidates.ValueKind == JsonValueKind.Array && candidates.GetArrayLength() > 0)
        {
            ReadCandidate(candidates[0]);
        }
        else if (frame.Child("promptFeedback").Text("blockReason") is { } reason)
        {
            var detail = ProviderRedactor.Clean($"The provider refused the message: {reason}.", Request.Endpoint);
            throw new ProviderException(ProviderFailure.ContentFilter, detail);
        }

        ReadUsage(frame.Child("usageMetadata"));
    }

    protected override bool Knows(JsonElement frame) =>
        frame.TryGetProperty("candidates", out _) || frame.TryGetProperty("usageMetadata", out _)
        || frame.TryGetProperty("promptFeedback", out _);

    private void ReadCandidate(JsonElement candidate)
    {
        var reason = candidate.Text("finishReason") is { } word && word != "FINISH_REASON_UNSPECIFIED" ? word : null;
        var parts = candidate.Child("content").Child("parts");
        foreach (var part in parts.ValueKind == JsonValueKind.Array ? parts.EnumerateArray() : default)
        {
            ReadPart(part, last: reason is not null);
        }

        ReadSources(candidate.Child("groundingMetadata").Child("groundingChunks"));
        ReadPages(candidate);

        if (reason is not null)
        {
            Output.Finish(reason);
        }
    }

    // Pages that the model read, and what it quotes (Gemini API docs: "URL context", "CitationMetadata"; Vertex names the list citations).
    private void ReadPages(JsonElement candidate)
    {
        foreach (var page in Items(candidate.Child("urlContextMetadata").Child("urlMetadata")))
        {
            if (page.Text("urlRetrievalStatus") is null or "URL_RETRIEVAL_STATUS_SUCCESS")
            {
                Output.Source(page.Text("retrievedUrl"), null, null);
            }
        }

        foreach (var list in (ReadOnlySpan<string>)["citationSources", "citations"])
        {
            foreach (var quote in Items(candidate.Child("citationMetadata").Child(list)))
            {
                Output.Source(quote.Text("uri"), quote.Text("title"), null);
            }
        }
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement list) =>
        list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default;

    private void ReadSources(JsonElement chunks)
    {
        var number = 0;
        foreach (var chunk in chunks.ValueKind == JsonValueKind.Array ? chunks.EnumerateArray() : default)
        {
            number++;
            var page = chunk.Child("web") is { ValueKind: JsonValueKind.Object } web ? web
                : chunk.Child("maps") is { ValueKind: JsonValueKind.Object } place ? place : chunk.Child("retrievedContext");
            Output.Source(page.Text("uri"), page.Text("title"), page.Text("text"), number);
        }
    }

    private void ReadPart(JsonElement part, bool last)
    {
        var signature = part.Text("thoughtSignature") ?? part.Text("thought_signature");
        var call = part.Child("functionCall");
        if (call.ValueKind == JsonValueKind.Object)
        {
            var arguments = call.Child("args");
            if (signature is not null)
            {
                _signatures[_calls] = signature;
                Output.Keep(signature.Length);
            }

            var json = arguments.ValueKind == JsonValueKind.Object ? LenientJson.Raw(arguments) : "{}";
            Output.ToolCall(_calls++, call.Text("id"), call.Text("name"), json);
            return;
        }

        var picture = part.Child("inlineData") is { ValueKind: JsonValueKind.Object } data ? data : part.Child("inline_data");
        if (picture.Text("data") is { } base64 && part.Flag("thought") != true)
        {
            var type = picture.Text("mimeType") ?? picture.Text("mime_type");
            if (type?.StartsWith("image/", StringComparison.OrdinalIgnoreCase) != false)
            {
                Output.Image(type, base64);
            }

            return;
        }

        if (part.Flag("thought") == true)
        {
            Output.Reasoning(part.Text("text"));
            return;
        }

        _textSignature = signature ?? _textSignature;
        if (last)
        {
            Output.LastText(part.Text("text"));
        }
        else
        {
            Output.Text(part.Text("text"));
        }
    }

    // candidatesTokenCount excludes the thoughts, except from gateways whose total says otherwise.
    private void ReadUsage(JsonElement usage)
    {
        if (usage.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        _prompt = DeltaWriter.Later(Count(usage, "promptTokenCount"), _prompt);
        _toolUse = DeltaWriter.Later(Count(usage, "toolUsePromptTokenCount"), _toolUse);
        _answer = DeltaWriter.Later(Count(usage, "candidatesTokenCount"), _answer);
        _thoughts = DeltaWriter.Later(Count(usage, "thoughtsTokenCount"), _thoughts);
        var prompt = _prompt is null ? null : _prompt + (_toolUse ?? 0);
        var included = _thoughts > 0 && _answer >= _thoughts && Count(usage, "totalTokenCount") is { } total && total == prompt + _answer;
        var completion = _answer is null && _thoughts is null ? (int?)null : (_answer ?? 0) + (included ? 0 : _thoughts ?? 0);
        Output.Usage(prompt, completion, _thoughts, Count(usage, "cachedContentTokenCount"));
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (_textSignature is not null)
        {
            json.WriteString("text", _textSignature);
        }

        json.WriteStartObject("calls");
        foreach (var (index, signature) in _signatures)
        {
            json.WriteString(index.ToString(), signature);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
