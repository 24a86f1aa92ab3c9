using System.Text.Json;

namespace AiChat.Endpoints.Imports;

/// <summary>JSON from elsewhere.</summary>
internal static class Parsed
{
    /// <summary>As lenient as the programs are that wrote it. Trees of messages nest as deep as the chat is long.</summary>
    public static readonly JsonDocumentOptions Lenient = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        MaxDepth = 200_000,
    };

    /// <summary>The object that a text is; null when it is none.</summary>
    public static JsonValue? Object(string? text) => Read(text) is { IsObject: true } value ? value : null;

    /// <summary>The elements of the list that a text is; null when it is none.</summary>
    public static IEnumerable<JsonValue>? List(string? text) => Read(text) is { IsList: true } value ? value.Items : null;

    private static JsonValue Read(string? text)
    {
        try
        {
            if (text is null)
            {
                return JsonValue.Absent;
            }

            using var document = JsonDocument.Parse(text, Lenient);
            return new JsonValue(document.RootElement.Clone());
        }
        catch (JsonException)
        {
            return JsonValue.Absent;
        }
    }
}
