using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.OpenAi;

/// <summary>Writes the tools of a chat completion request, and which of them is to be called.</summary>
internal static class OpenAiTools
{
    public static void Write(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        if (request.WebSearch is not null)
        {
            WriteSearch(json, request.WebSearch);
        }

        if (request.Tools.Count == 0)
        {
            return;
        }

        RequestBody.WriteFunctions(json, request.Tools, strict: !refused.HasFlag(Refused.StrictTools));
        if (request.ParallelTools is { } parallel)
        {
            json.WriteBoolean("parallel_tool_calls", parallel);
        }

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

    // The member of models that search the web before each answer.
    private static void WriteSearch(Utf8JsonWriter json, ChatWebSearch search)
    {
        json.WriteStartObject("web_search_options");
        if (search.ContextSize is not null)
        {
            json.WriteString("search_context_size", search.ContextSize);
        }

        if (search.LocationJson is { } location)
        {
            using var place = JsonDocument.Parse(location);
            json.WriteStartObject("user_location");
            json.WriteString("type", "approximate");
            json.WriteStartObject("approximate");
            foreach (var member in place.RootElement.EnumerateObject().Where(member => !member.NameEquals("type")))
            {
                member.WriteTo(json);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
