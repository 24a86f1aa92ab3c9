using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>Writes the body of a Responses request.</summary>
internal static class OpenAiResponsesBody
{
    // The API refuses a smaller value.
    private const int MinOutput = 16;

    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        using var body = new RequestBody();
        var json = body.Json;
        var thinks = OpenAiBody.IsReasoningModel(request.Model);
        json.WriteString("model", request.Model);
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            json.WriteString("instructions", request.SystemPrompt);
        }

        json.WriteStartArray("input");
        foreach (var turn in ChatTurns.Clean(request.Turns))
        {
            WriteTurn(body, turn, request);
        }

        json.WriteEndArray();
        json.WriteBoolean("stream", true);
        json.WriteBoolean("store", false);
        if (thinks && !refused.HasFlag(Refused.EncryptedReasoning))
        {
            json.WriteStartArray("include");
            json.WriteStringValue("reasoning.encrypted_content");
            json.WriteEndArray();
        }

        body.Number("max_output_tokens", request.Sampling.MaxOutputTokens is { } max ? Math.Max(MinOutput, max) : (long?)null);
        if (!thinks && !refused.HasFlag(Refused.Sampling))
        {
            body.Number("temperature", request.Sampling.Temperature);
            body.Number("top_p", request.Sampling.TopP);
        }

        WriteReasoning(json, request, refused, thinks);
        WriteTools(json, request);
        return body.Finish(request.ExtraBody);
    }

    private static void WriteTurn(RequestBody body, ChatTurn turn, ChatRequest request)
    {
        var json = body.Json;
        if (turn.Role == ChatRole.Tool)
        {
            json.WriteStartObject();
            json.WriteString("type", "function_call_output");
            json.WriteString("call_id", turn.ToolCallId);
            json.WriteString("output", turn.Text);
            json.WriteEndObject();
            return;
        }

        if (turn.ToolCalls.Count > 0
            && ProviderState.Unpack(turn.State, OpenAiResponsesParser.StateKind, request.Model) is { ValueKind: JsonValueKind.Array } items)
        {
            foreach (var item in items.EnumerateArray())
            {
                json.WriteRawValue(item.GetRawText(), skipInputValidation: true);
            }
        }

        if (turn.Text.Length > 0 || turn.Images.Count > 0)
        {
            WriteMessage(body, turn);
        }

        foreach (var call in turn.ToolCalls)
        {
            json.WriteStartObject();
            json.WriteString("type", "function_call");
            json.WriteString("call_id", call.Id);
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.Arguments.Length == 0 ? "{}" : call.Arguments);
            json.WriteEndObject();
        }
    }

    private static void WriteMessage(RequestBody body, ChatTurn turn)
    {
        var json = body.Json;
        var assistant = turn.Role == ChatRole.Assistant;
        json.WriteStartObject();
        json.WriteString("role", assistant ? "assistant" : "user");
        json.WriteStartArray("content");
        if (turn.Text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", assistant ? "output_text" : "input_text");
            json.WriteString("text", turn.Text);
            json.WriteEndObject();
        }

        foreach (var image in turn.Images)
        {
            json.WriteStartObject();
            json.WriteString("type", "input_image");
            json.WritePropertyName("image_url");
            body.Image(image, dataUrl: true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteReasoning(Utf8JsonWriter json, ChatRequest request, Refused refused, bool thinks)
    {
        var effort = request.Reasoning.Enabled == false || refused.HasFlag(Refused.ReasoningEffort) ? null : request.Reasoning.Effort;
        var summary = thinks && request.Reasoning.Enabled != false && !refused.HasFlag(Refused.ReasoningSummary);
        if (effort is null && !summary)
        {
            return;
        }

        json.WriteStartObject("reasoning");
        if (effort is not null)
        {
            json.WriteString("effort", effort.Value.Word());
        }

        if (summary)
        {
            json.WriteString("summary", "auto");
        }

        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request)
    {
        if (request.Tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in request.Tools)
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteString("name", tool.Name);
            json.WriteString("description", tool.Description);
            json.WritePropertyName("parameters");
            RequestBody.WriteObject(json, tool.ParametersJson);

            // Strict schemas demand more than callers of this interface promise.
            json.WriteBoolean("strict", false);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (request.ToolChoice is "auto" or "none" or "required")
        {
            json.WriteString("tool_choice", request.ToolChoice);
        }
        else if (request.ToolChoice is not null)
        {
            json.WriteStartObject("tool_choice");
            json.WriteString("type", "function");
            json.WriteString("name", request.ToolChoice);
            json.WriteEndObject();
        }
    }
}
