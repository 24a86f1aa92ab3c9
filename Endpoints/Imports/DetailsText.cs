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
            switch (ReadChat.Attribute(attributes, "type"))
            {
                case "reasoning":
                    text.Reason(WebUtility.HtmlDecode(Quote().Replace(inner.Trim(), "")));
                    text.ReasoningMs ??= double.TryParse(
                        ReadChat.Attribute(attributes, "duration"), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
                            && seconds is >= 0 and < 1e6
                        ? (long)(seconds * 1000) : null;
                    break;
                case "tool_calls":
                    text.Call(ReadChat.Attribute(attributes, "id"), ReadChat.Attribute(attributes, "name"),
                        ReadChat.Attribute(attributes, "arguments"));
                    text.Result(ReadChat.Attribute(attributes, "id"), null, ReadChat.Attribute(attributes, "result")
                        ?? WebUtility.HtmlDecode(inner.Trim()));
                    break;
                case "code_interpreter":
                    text.Call(ReadChat.Attribute(attributes, "uuid"), "code_interpreter", inner.Trim());
                    text.Result(ReadChat.Attribute(attributes, "uuid"), null, ReadChat.Attribute(attributes, "output") ?? "");
                    break;
                default:
                    text.Add(tag.Value);
                    break;
            }
        }

        text.Add(content[at..]);
    }

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
