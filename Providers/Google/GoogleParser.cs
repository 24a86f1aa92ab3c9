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
        if (frame.Child("error").ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            throw Error(frame);
        }

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

    private void ReadCandidate(JsonElement candidate)
    {
        var parts = candidate.Child("content").Child("parts");
        foreach (var part in parts.ValueKind == JsonValueKind.Array ? parts.EnumerateArray() : default)
        {
            ReadPart(part);
        }

        if (candidate.Text("finishReason") is { } reason && reason != "FINISH_REASON_UNSPECIFIED")
        {
            Output.Finish(reason switch
            {
                "STOP" => FinishReason.Stop,
                "MAX_TOKENS" => FinishReason.Length,
                "SAFETY" or "RECITATION" or "BLOCKLIST" or "PROHIBITED_CONTENT" or "SPII" or "IMAGE_SAFETY" => FinishReason.ContentFilter,
                _ => FinishReason.Other,
            }, reason);
        }
    }

    private void ReadPart(JsonElement part)
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

        if (part.Flag("thought") == true)
        {
            Output.Reasoning(part.Text("text"));
            return;
        }

        _textSignature = signature ?? _textSignature;
        Output.Text(part.Text("text"));
    }

    // candidatesTokenCount excludes the thoughts.
    private void ReadUsage(JsonElement usage)
    {
        if (usage.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var (answer, thoughts) = (Count(usage, "candidatesTokenCount"), Count(usage, "thoughtsTokenCount"));
        var prompt = Count(usage, "promptTokenCount") is { } tokens ? tokens + (Count(usage, "toolUsePromptTokenCount") ?? 0) : (int?)null;
        var completion = answer is null && thoughts is null ? (int?)null : (answer ?? 0) + (thoughts ?? 0);
        Output.Usage(prompt, completion, thoughts, Count(usage, "cachedContentTokenCount"));
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
