using AiChat.Providers.Protocol;

namespace AiChat.Providers.Anthropic;

/// <summary>Writes the tools of a Messages request, and which of them is to be called.</summary>
internal static class AnthropicTools
{
    /// <param name="thinks">The model thinks before it answers.</param>
    /// <param name="marks">The last tool ends what the cache keeps.</param>
    public static void Write(RequestBody body, ChatRequest request, Refused refused, bool thinks, CacheMark marks)
    {
        var json = body.Json;
        if (request.Tools.Count == 0 && request.WebSearch is null)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in request.Tools)
        {
            RequestBody.WriteFunction(json, tool, "input_schema", writer =>
            {
                if (tool.Strict == true && !refused.HasFlag(Refused.StrictTools))
                {
                    writer.WriteBoolean("strict", true);
                }

                marks.If(tool == request.Tools[^1]).Write(writer);
            });
        }

        if (request.WebSearch is not null)
        {
            WriteSearch(body, request.WebSearch);
        }

        json.WriteEndArray();

        // A forced call and thinking exclude each other; a program that wants both hears so from the provider.
        var choice = request.ToolChoice ?? (request.ParallelTools == false ? "auto" : null);
        if (choice is not null && (request.Exact || !thinks || choice is "auto" or "none"))
        {
            json.WriteStartObject("tool_choice");
            json.WriteString("type", choice switch { "auto" or "none" => choice, "required" => "any", _ => "tool" });
            if (choice is not ("auto" or "none" or "required"))
            {
                json.WriteString("name", choice);
            }

            if (request.ParallelTools is { } parallel && choice != "none")
            {
                json.WriteBoolean("disable_parallel_tool_use", !parallel);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteSearch(RequestBody body, ChatWebSearch search)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("type", "web_search_20250305");
        json.WriteString("name", "web_search");
        body.Number("max_uses", (long?)search.MaxUses);
        body.Strings("allowed_domains", search.Domains);
        if (search.LocationJson is not null)
        {
            json.WritePropertyName("user_location");
            RequestBody.WriteObject(json, search.LocationJson);
        }

        json.WriteEndObject();
    }
}
