using System.Globalization;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Google;

/// <summary>Writes the body of a generateContent request.</summary>
internal static class GoogleBody
{
    // Google's placeholder for calls that came from another model and have no signature ("Thought signatures", FAQ).
    private const string NoSignature = "skip_thought_signature_validator";

    /// <summary>The model's id without the <c>models/</c> before it.</summary>
    public static string Name(string model) => model.StartsWith("models/", StringComparison.Ordinal) ? model["models/".Length..] : model;

    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        request = request.Without(refused);
        using var body = new RequestBody();
        var json = body.Json;
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            json.WriteStartObject("systemInstruction");
            json.WriteStartArray("parts");
            WriteText(json, request.SystemPrompt, null);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        WriteContents(body, request);
        WriteConfig(body, request, refused);
        WriteTools(json, request, refused);
        return body.Finish(request.ExtraBody);
    }

    // gemini-2.5-flash is 2.5, gemini-3-pro-preview is 3; 0 when the name holds no version.
    private static double Version(string model)
    {
        var parts = Name(model).Split('-');
        return parts is ["gemini", var version, ..]
            && double.TryParse(version, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    // Google's own limits of thinkingBudget.
    private static int MaxBudget(string model) => model.Contains("pro", StringComparison.Ordinal) ? 32_768 : 24_576;

    private static void WriteContents(RequestBody body, ChatRequest request)
    {
        var json = body.Json;
        var turns = ChatTurns.Clean(request.Turns, modelImages: true);
        var names = turns.SelectMany(turn => turn.ToolCalls).GroupBy(call => call.Id)
            .ToDictionary(calls => calls.Key, calls => calls.First().Name);
        json.WriteStartArray("contents");
        for (var at = 0; at < turns.Count; at++)
        {
            json.WriteStartObject();
            json.WriteString("role", turns[at].Role == ChatRole.Assistant ? "model" : "user");
            json.WriteStartArray("parts");
            if (turns[at].Role == ChatRole.Tool)
            {
                var first = at;
                WriteResult(json, turns[at], names);
                while (at + 1 < turns.Count && turns[at + 1].Role == ChatRole.Tool)
                {
                    WriteResult(json, turns[++at], names);
                }

                // Pictures of results stand beside them: only the newest models take them inside.
                for (var result = first; result <= at; result++)
                {
                    WriteFiles(body, turns[result], null);
                }
            }
            else
            {
                WriteParts(body, turns[at], request);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteParts(RequestBody body, ChatTurn turn, ChatRequest request)
    {
        var json = body.Json;
        var state = ProviderState.Unpack(turn.State, GoogleParser.StateKind, request.Model) ?? default;
        WriteFiles(body, turn, turn.Role == ChatRole.Assistant && Version(request.Model) >= 3 ? NoSignature : null);

        if (turn.Text.Length > 0)
        {
            WriteText(json, turn.Text, state.Text("text"));
        }

        for (var index = 0; index < turn.ToolCalls.Count; index++)
        {
            json.WriteStartObject();
            json.WriteStartObject("functionCall");
            json.WriteString("name", turn.ToolCalls[index].Name);
            json.WritePropertyName("args");
            RequestBody.WriteArguments(json, turn.ToolCalls[index]);
            json.WriteEndObject();
            var placeholder = index == 0 && Version(request.Model) >= 3 ? NoSignature : null;
            if ((state.Child("calls").Text(index.ToString()) ?? placeholder) is { } signature)
            {
                json.WriteString("thoughtSignature", signature);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteFiles(RequestBody body, ChatTurn turn, string? signature)
    {
        foreach (var file in turn.Images.Concat(turn.Files.Select(file => file.Content)))
        {
            var json = body.Json;
            json.WriteStartObject();
            json.WriteStartObject("inlineData");
            json.WriteString("mimeType", file.MimeType);
            json.WritePropertyName("data");
            body.Image(file, dataUrl: false);
            json.WriteEndObject();
            if (signature is not null)
            {
                json.WriteString("thoughtSignature", signature);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteText(Utf8JsonWriter json, string text, string? signature)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        if (signature is not null)
        {
            json.WriteString("thoughtSignature", signature);
        }

        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, ChatTurn turn, Dictionary<string, string> names)
    {
        json.WriteStartObject();
        json.WriteStartObject("functionResponse");
        json.WriteString("name", names[turn.ToolCallId!]);
        json.WriteStartObject("response");
        json.WriteString(turn.ToolFailed ? "error" : "output", turn.Text);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteConfig(RequestBody body, ChatRequest request, Refused refused)
    {
        var sampling = request.Sampling;
        body.Json.WriteStartObject("generationConfig");
        body.Number("temperature", sampling.Temperature);
        body.Number("topP", sampling.TopP);
        body.Number("maxOutputTokens", (long?)sampling.MaxOutputTokens);
        body.Number("seed", sampling.Seed);
        body.Strings("stopSequences", sampling.Stop);
        if (!refused.HasFlag(Refused.Sampling))
        {
            body.Number("topK", (long?)sampling.TopK);
            body.Number("presencePenalty", sampling.PresencePenalty);
            body.Number("frequencyPenalty", sampling.FrequencyPenalty);
        }

        if (request.Format is { } format)
        {
            body.Json.WriteString("responseMimeType", "application/json");
            if (!format.IsAnyObject)
            {
                body.Json.WritePropertyName("responseJsonSchema");
                RequestBody.WriteObject(body.Json, format.SchemaJson);
            }
        }

        WriteResolution(body.Json, request);
        var version = Version(request.Model);
        if (Thinks(request, version) && !refused.HasFlag(Refused.Thinking))
        {
            WriteThinking(body.Json, request, version, refused.HasFlag(Refused.ReasoningEffort));
        }

        body.Json.WriteEndObject();
    }

    // One word for all pictures here: the closest look that one of them asks for.
    private static void WriteResolution(Utf8JsonWriter json, ChatRequest request)
    {
        var details = request.Turns.SelectMany(turn => turn.Images).Select(image => image.Detail).ToHashSet();
        if (details.Overlaps(["high", "original"]))
        {
            json.WriteString("mediaResolution", "MEDIA_RESOLUTION_HIGH");
        }
        else if (details is { Count: 1 } && details.Contains("low"))
        {
            json.WriteString("mediaResolution", "MEDIA_RESOLUTION_LOW");
        }
    }

    // A name without a version says nothing; then the model list does, or what was asked for.
    private static bool Thinks(ChatRequest request, double version) => version >= 2.5
        || (version == 0 && (request.Thinks ?? (request.Exact && (request.Reasoning.Enabled ?? request.Reasoning.Level is not null))));

    private static void WriteThinking(Utf8JsonWriter json, ChatRequest request, double version, bool noAmount)
    {
        var effort = request.Reasoning.Level;
        var enabled = effort == ReasoningEffort.None ? false : request.Reasoning.Enabled;
        json.WriteStartObject("thinkingConfig");
        json.WriteBoolean("includeThoughts", enabled != false);
        if (!noAmount && version >= 3)
        {
            // Thinking cannot be switched off in these models.
            if (enabled == false || effort is not null)
            {
                var least = request.Model.Contains("flash", StringComparison.Ordinal) ? ReasoningEffort.Minimal : ReasoningEffort.Low;
                json.WriteString("thinkingLevel", (enabled == false ? least : effort!.Value.AtMost(ReasoningEffort.High)).Word());
            }
        }
        else if (!noAmount && (enabled == false || effort is not null))
        {
            var least = request.Model.Contains("pro", StringComparison.Ordinal) ? 128 : 0;
            json.WriteNumber("thinkingBudget", enabled == false ? least : request.Reasoning.Budget is { } budget
                ? Math.Clamp(budget, least, MaxBudget(request.Model))
                : effort switch
                {
                    ReasoningEffort.Minimal => 512,
                    ReasoningEffort.Low => 1_024,
                    ReasoningEffort.Medium => 8_192,
                    ReasoningEffort.High => 24_576,
                    _ => MaxBudget(request.Model),
                });
        }

        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        if (request.Tools.Count == 0 && request.WebSearch is null)
        {
            return;
        }

        json.WriteStartArray("tools");
        if (request.Tools.Count > 0)
        {
            json.WriteStartObject();
            json.WriteStartArray("functionDeclarations");
            foreach (var tool in request.Tools)
            {
                RequestBody.WriteFunction(json, tool, "parametersJsonSchema");
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (request.WebSearch is not null)
        {
            json.WriteStartObject();
            json.WriteStartObject("googleSearch");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();

        // VALIDATED holds the arguments to their schema, as ANY does.
        var strict = request.Tools.Any(tool => tool.Strict == true) && !refused.HasFlag(Refused.StrictTools);
        if ((request.ToolChoice ?? (strict ? "auto" : null)) is { } choice && request.Tools.Count > 0)
        {
            json.WriteStartObject("toolConfig");
            json.WriteStartObject("functionCallingConfig");
            json.WriteString("mode", choice switch { "auto" => strict ? "VALIDATED" : "AUTO", "none" => "NONE", _ => "ANY" });
            if (choice is not ("auto" or "none" or "required"))
            {
                json.WriteStartArray("allowedFunctionNames");
                json.WriteStringValue(choice);
                json.WriteEndArray();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
