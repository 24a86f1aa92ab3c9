using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Imports;

/// <summary>Puts links where ChatGPT's answers hold marks that only its own page understands.</summary>
internal static partial class ChatGptCitations
{
    public static string? Resolve(string? text, JsonValue metadata)
    {
        if (text is null || (text.IndexOf('\ue200', StringComparison.Ordinal) < 0 && text.IndexOf('【', StringComparison.Ordinal) < 0))
        {
            return text;
        }

        foreach (var reference in metadata["content_references"].Items)
        {
            if (reference["matched_text"].Text is { Length: > 1 } mark && mark.Trim().Length > 0)
            {
                text = text.Replace(mark, Link(reference), StringComparison.Ordinal);
            }
        }

        var citations = metadata["citations"].Items
            .Where(citation => citation["start_ix"].Whole is not null && citation["end_ix"].Whole is not null)
            .OrderByDescending(citation => citation["start_ix"].Whole);
        foreach (var citation in citations)
        {
            text = Old(text, citation);
        }

        return Mark().Replace(text, Unknown);
    }

    private static string Link(JsonValue reference)
    {
        if (reference["alt"].Text is { Length: > 0 } alt)
        {
            return alt;
        }

        var links = reference["items"].Items.Append(reference)
            .Select(item => ReadChat.Link(item["title"].Text, item["url"].Text)).OfType<string>().Distinct();
        return string.Join(' ', links) is { Length: > 0 } all ? $" ({all})" : "";
    }

    /// <summary>The places of the older form count characters, not the units of UTF-16.</summary>
    private static string Old(string text, JsonValue citation)
    {
        var start = Index(text, citation["start_ix"].Whole!.Value);
        var end = Index(text, citation["end_ix"].Whole!.Value);
        var metadata = citation["metadata"];
        return start < end && text[start] == '【' && ReadChat.Link(metadata["title"].Text, metadata["url"].Text) is { } link
            ? string.Concat(text.AsSpan(0, start), $" ({link})", text.AsSpan(end)) : text;
    }

    private static int Index(string text, long characters)
    {
        var at = 0;
        while (at < text.Length && characters-- > 0)
        {
            at += char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1;
        }

        return Math.Min(at, text.Length);
    }

    /// <summary>A mark that nothing explains: the name of a thing stays, everything else goes.</summary>
    private static string Unknown(Match mark)
    {
        var parts = mark.Value.Trim('\ue200', '\ue201').Split('\ue202');
        return parts is ["entity", var entity, ..] && Parsed.List(entity) is { } names ? names.ElementAtOrDefault(1)?.Text ?? "" : "";
    }

    [GeneratedRegex("\ue200[^\ue200\ue201]*\ue201")]
    private static partial Regex Mark();
}
