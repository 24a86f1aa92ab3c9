using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Settings;

/// <summary>The administrator's own pairs of reasoning tags: one pair as a JSON list of two texts, or a list of such lists.</summary>
internal static class TagPairs
{
    private const int MaxPairs = 20;

    /// <summary>The last text and what it means: it is asked for at every call and changes hardly ever.</summary>
    private static volatile Parsed _last = new("", ReasoningTag.Defaults);

    /// <summary>The pairs of a mode (off, custom or default) and its own text.</summary>
    public static IReadOnlyList<ReasoningTag> Of(string mode, string text) => mode switch
    {
        "off" => [],
        "custom" => With(text),
        _ => ReasoningTag.Defaults,
    };

    /// <summary>The pairs of the text, and the usual ones beside them.</summary>
    private static IReadOnlyList<ReasoningTag> With(string text)
    {
        if (_last is var last && last.Text == text)
        {
            return last.Tags;
        }

        _last = new Parsed(text, [.. Read(text) ?? [], .. ReasoningTag.Defaults]);
        return _last.Tags;
    }

    /// <summary>In English, what a text must be; null when it is that.</summary>
    public static string? Refuse(string text) => Read(text) is { Count: > 0 and <= MaxPairs } pairs && pairs.TrueForAll(IsUsable)
        ? null
        : "is a JSON list of an opening and a closing tag, such as [\"<think>\",\"</think>\"], or a list of such pairs";

    private static bool IsUsable(ReasoningTag tag) =>
        tag.Open.Length > 0 && tag.Close.Length > 0 && tag.Open != tag.Close
        && !CodePlaces.Marks.Contains(tag.Open[0], StringComparison.Ordinal)
        && !CodePlaces.Marks.Contains(tag.Close[0], StringComparison.Ordinal);

    private static List<ReasoningTag>? Read(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            return root.ValueKind != JsonValueKind.Array || root.GetArrayLength() == 0 ? null
                : root[0].ValueKind == JsonValueKind.Array ? [.. root.EnumerateArray().Select(Pair)] : [Pair(root)];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static ReasoningTag Pair(JsonElement pair) => pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2
        ? new ReasoningTag(pair[0].GetString() ?? "", pair[1].GetString() ?? "") : new ReasoningTag("", "");

    private sealed record Parsed(string Text, IReadOnlyList<ReasoningTag> Tags);
}
