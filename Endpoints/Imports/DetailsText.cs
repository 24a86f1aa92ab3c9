using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Imports;

/// <summary>Takes thoughts and tool calls out of a text in which programs keep them as tags.</summary>
internal static partial class DetailsText
{
    public static void Write(string content, MessageText text)
    {
        var at = 0;
        foreach (Match tag in Tag().Matches(content))
        {
            text.Add(content[at..tag.Index]);
            at = tag.Index + tag.Length;
            if (tag.Groups["think"].Success)
            {
                text.Reason(tag.Groups["think"].Value);
                continue;
            }

            var attributes = tag.Groups["attributes"].Value;
            var inner = Summary().Replace(tag.Groups["inner"].Value, "", 1);
            switch (Attribute(attributes, "type"))
            {
                case "reasoning":
                    text.Reason(WebUtility.HtmlDecode(Quote().Replace(inner.Trim(), "")));
                    text.ReasoningMs ??= double.TryParse(
                        Attribute(attributes, "duration"), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0 and < 1e6
                        ? (long)(seconds * 1000) : null;
                    break;
                case "tool_calls":
                    text.Call(Attribute(attributes, "id"), Attribute(attributes, "name"), Attribute(attributes, "arguments"));
                    text.Result(Attribute(attributes, "id"), null, Attribute(attributes, "result") ?? WebUtility.HtmlDecode(inner.Trim()));
                    break;
                case "code_interpreter":
                    text.Call(Attribute(attributes, "uuid"), "code_interpreter", inner.Trim());
                    text.Result(Attribute(attributes, "uuid"), null, Attribute(attributes, "output") ?? "");
                    break;
                default:
                    text.Add(tag.Value);
                    break;
            }
        }

        text.Add(content[at..]);
    }

    private static string? Attribute(string attributes, string name) =>
        Regex.Match(attributes, $"(?:^|\\s){name}=\"([^\"]*)\"") is { Success: true } found ? WebUtility.HtmlDecode(found.Groups[1].Value) : null;

    [GeneratedRegex(
        """<details(?<attributes>\s+type="[^>]*)>(?<inner>.*?)</details>|\A\s*<think(?:ing)?>(?<think>.*?)</think(?:ing)?>""",
        RegexOptions.Singleline)]
    private static partial Regex Tag();

    [GeneratedRegex("<summary>.*?</summary>", RegexOptions.Singleline)]
    private static partial Regex Summary();

    /// <summary>Thoughts are quoted, line by line, mostly with the mark as an entity.</summary>
    [GeneratedRegex(@"^(?:>|&gt;) ?", RegexOptions.Multiline)]
    private static partial Regex Quote();
}
