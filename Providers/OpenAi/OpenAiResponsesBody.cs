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
        request = request.Without(refused & (Refused.Format | Refused.RoleOrder));
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
        body.Strings("include",
        [
            .. thinks && !refused.HasFlag(Refused.EncryptedReasoning) ? (string[])["reasoning.encrypted_content"] : [],
            .. request.WebSearch is not null && !refused.HasFlag(Refused.Include) ? (string[])["web_search_call.action.sources"] : [],
        ]);

        body.Number("max_output_tokens", request.Sampling.MaxOutputTokens is { } max ? Math.Max(MinOutput, max) : (long?)null);
        if ((!thinks || request.Exact) && !refused.HasFlag(Refused.Sampling))
        {
            body.Number("temperature", request.Sampling.Temperature);
            body.Number("top_p", request.Sampling.TopP);
        }

        WriteReasoning(json, request, refused, thinks);
        WriteTools(json, request, refused);
        WriteForm(json, request);
        if (request.UserId is not null && !refused.HasFlag(Refused.User))
        {
            json.WriteString("safety_identifier", request.UserId);
        }

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
            if (turn.Images.Count == 0 && turn.Files.Count == 0)
            {
                json.WriteString("output", turn.ResultText);
            }
            else
            {
                json.WriteStartArray("output");
                WriteParts(body, turn with { Text = turn.ResultText }, "input_text");
                json.WriteEndArray();
            }

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

        if (turn.Text.Length > 0 || turn.Images.Count > 0 || turn.Files.Count > 0)
        {
            WriteMessage(body, turn);
        }

        foreach (var call in turn.ToolCalls)
        {
            json.WriteStartObject();
            json.WriteString("type", "function_call");
            json.WriteString("call_id", call.Id);
            json.WriteString("name", call.Name);
            json.WriteString("arguments", ToolArguments.Whole(call.Arguments));
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
        WriteParts(body, turn, assistant ? "output_text" : "input_text");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteParts(RequestBody body, ChatTurn turn, string textType)
    {
        var json = body.Json;
        if (turn.Text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", textType);
            json.WriteString("text", turn.Text);
            json.WriteEndObject();
        }

        foreach (var image in turn.Images)
        {
            json.WriteStartObject();
            json.WriteString("type", "input_image");
            json.WritePropertyName("image_url");
            body.Image(image, dataUrl: true);
            if (image.Detail is not null)
            {
                json.WriteString("detail", image.Detail);
            }

            json.WriteEndObject();
        }

        foreach (var file in turn.Files)
        {
            json.WriteStartObject();
            json.WriteString("type", "input_file");
            json.WriteString("filename", file.Name);
            json.WritePropertyName("file_data");
            body.Image(file.Content, dataUrl: true);
            json.WriteEndObject();
        }
    }

    private static void WriteReasoning(Utf8JsonWriter json, ChatRequest request, Refused refused, bool thinks)
    {
        var level = request.Reasoning.Level?.AtMost(ReasoningEffort.XHigh);
        var off = request.Reasoning.Enabled == false && level != ReasoningEffort.None;
        var effort = off || refused.HasFlag(Refused.ReasoningEffort) ? null : level;
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

    /// <summary>Writes a schema with its name, as both APIs of OpenAI have it.</summary>
    public static void WriteSchema(Utf8JsonWriter json, ChatFormat format)
    {
        json.WriteString("name", format.Name);
        if (format.Description is not null)
        {
            json.WriteString("description", format.Description);
        }

        if (format.Strict is { } strict)
        {
            json.WriteBoolean("strict", strict);
        }

        json.WritePropertyName("schema");
        RequestBody.WriteObject(json, format.SchemaJson);
    }

    private static void WriteForm(Utf8JsonWriter json, ChatRequest request)
    {
        if (request.Format is null && request.Verbosity is null)
        {
            return;
        }

        json.WriteStartObject("text");
        if (request.Format is { } format)
        {
            json.WriteStartObject("format");
            json.WriteString("type", format.IsAnyObject ? "json_object" : "json_schema");
            if (!format.IsAnyObject)
            {
                WriteSchema(json, format);
            }

            json.WriteEndObject();
        }

        if (request.Verbosity is not null)
        {
            json.WriteString("verbosity", request.Verbosity);
        }

        json.WriteEndObject();
    }

    private static void WriteSearch(Utf8JsonWriter json, ChatWebSearch search)
    {
        json.WriteStartObject();
        json.WriteString("type", "web_search");
        if (search.Domains.Count > 0)
        {
            json.WriteStartObject("filters");
            json.WriteStartArray("allowed_domains");
            foreach (var domain in search.Domains)
            {
                json.WriteStringValue(domain);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (search.ContextSize is not null)
        {
            json.WriteString("search_context_size", search.ContextSize);
        }

        if (search.LocationJson is not null)
        {
            json.WritePropertyName("user_location");
            RequestBody.WriteObject(json, search.LocationJson);
        }

        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        if (request.Tools.Count == 0 && request.WebSearch is null)
        {
            return;
        }

        if (request.WebSearch?.MaxUses is { } uses)
        {
            json.WriteNumber("max_tool_calls", uses);
        }

        if (request.ParallelTools is { } parallel)
        {
            json.WriteBoolean("parallel_tool_calls", parallel);
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

            // Strict schemas demand more than callers of this interface promise, unless they say so.
            json.WriteBoolean("strict", tool.Strict == true && !refused.HasFlag(Refused.StrictTools));
            json.WriteEndObject();
        }

        if (request.WebSearch is not null)
        {
            WriteSearch(json, request.WebSearch);
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
