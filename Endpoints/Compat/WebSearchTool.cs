using System.Buffers;
using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Reads the tools by which the vendors let a provider search the web.</summary>
internal static class WebSearchTool
{
    private static readonly HashSet<string> OfMessages = new(StringComparer.Ordinal)
    {
        "type", "name", "max_uses", "allowed_domains", "user_location", "cache_control", "allowed_callers", "defer_loading",
    };

    private static readonly HashSet<string> OfResponses = new(StringComparer.Ordinal)
    {
        "type", "filters", "user_location", "search_context_size", "external_web_access", "indexed_web_access", "search_content_types",
    };

    private static readonly HashSet<string> FilterMembers = new(StringComparer.Ordinal) { "allowed_domains" };

    /// <summary>Anthropic's tool.</summary>
    public static ChatWebSearch Messages(JsonElement tool, ForeignMembers foreign)
    {
        foreign.AddUnknown(tool, OfMessages, "web_search.");
        return new ChatWebSearch(tool.Strings("allowed_domains"), Location(tool.Get("user_location")), tool.Positive("max_uses"));
    }

    /// <summary>OpenAI's tool. Search without access to the web itself (the default of codex) is not offered elsewhere.</summary>
    public static ChatWebSearch? Responses(JsonElement tool, ForeignMembers foreign)
    {
        if (tool.Flag("external_web_access") == false)
        {
            return null;
        }

        foreign.AddUnknown(tool, OfResponses, "web_search.");
        var filters = tool.Get("filters");
        foreign.AddUnknown(filters, FilterMembers, "web_search.filters.");
        var domains = filters.ValueKind == JsonValueKind.Object ? filters.Strings("allowed_domains") : [];
        return new ChatWebSearch(domains, Location(tool.Get("user_location")), null) { ContextSize = tool.String("search_context_size") };
    }

    /// <summary>A place in the form that the tools of OpenAI and Anthropic share.</summary>
    public static string Located(JsonElement place)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", "approximate");
            foreach (var member in place.EnumerateObject().Where(member => !member.NameEquals("type")))
            {
                member.WriteTo(json);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string? Location(JsonElement location) => location.ValueKind == JsonValueKind.Object ? Located(location) : null;
}
