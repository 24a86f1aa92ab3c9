using System.Text;
using System.Text.Encodings.Web;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.Demo;

/// <summary>The demo provider's answer to a request, in pieces of a word each.</summary>
internal sealed record DemoScript
{
    private const int MaxQuote = 280;

    public bool Fast { get; private init; }
    public int? FailsAfter { get; private init; }
    public string? ToolArguments { get; private init; }
    public IEnumerable<string> Reasoning { get; private init; } = [];
    public required IEnumerable<string> Text { get; init; }

    public static DemoScript Find(ChatRequest request)
    {
        var last = request.Turns.LastOrDefault(turn => turn.Role == ChatRole.User);
        var prompt = last?.Text.Trim() ?? "";
        var fast = Take(ref prompt, "/fast");
        var count = Take(ref prompt, "/long") ? TakeNumber(ref prompt) ?? 1_000 : (int?)null;
        var fails = Take(ref prompt, "/fail");
        var tool = Take(ref prompt, "/tool") && request.Tools.Count > 0 && request.ToolChoice != "none"
            && request.Turns[^1].Role != ChatRole.Tool;
        var chinese = prompt.Any(letter => letter is >= '\u4e00' and <= '\u9fff');
        var thinks = request.Model == DemoProvider.ReasoningModel && request.Reasoning.Enabled != false;
        return new DemoScript
        {
            Fast = fast,
            FailsAfter = fails ? 10 : null,
            ToolArguments = tool ? $$"""{"query":"{{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(prompt)}}"}""" : null,
            Reasoning = thinks ? Pieces(chinese ? DemoText.ChineseThoughts : DemoText.Thoughts) : [],
            Text = tool ? [] : count is { } pieces ? Long(pieces) : Pieces(Answer(request, prompt, last?.Images.Count ?? 0, chinese)),
        };
    }

    /// <summary>An estimate: four letters or one wide character per token.</summary>
    public static int CountTokens(ChatRequest request) =>
        CountTokens(request.SystemPrompt ?? "") + request.Turns.Sum(turn => 4 + CountTokens(turn.Text) + (turn.Images.Count * 85));

    private static int CountTokens(string text)
    {
        var wide = text.Count(letter => letter >= '\u2e80');
        return wide + ((text.Length - wide + 3) / 4);
    }

    private static string Answer(ChatRequest request, string prompt, int images, bool chinese)
    {
        var answer = new StringBuilder(chinese ? DemoText.Chinese : DemoText.English);
        answer.Replace("{quote}", Quote(prompt).ReplaceLineEndings("\n> "));
        if (images > 0)
        {
            answer.Append(chinese
                ? $"\n\n你还附上了 {images} 张图片，我只能数一数。"
                : $"\n\nYou attached {images} image(s); counting them is all I can do.");
        }

        if (request.Turns is [.., { Role: ChatRole.Tool } result])
        {
            answer.Append(chinese ? "\n\n工具返回：\n\n> " : "\n\nThe tool answered:\n\n> ").Append(Quote(result.Text));
        }

        return answer.ToString();
    }

    private static string Quote(string text) => text.Length > MaxQuote ? text[..MaxQuote] + "…" : text;

    private static bool Take(ref string prompt, string word)
    {
        if (!prompt.StartsWith(word, StringComparison.Ordinal) || (prompt.Length > word.Length && prompt[word.Length] != ' '))
        {
            return false;
        }

        prompt = prompt[word.Length..].TrimStart();
        return true;
    }

    private static int? TakeNumber(ref string prompt)
    {
        var end = prompt.IndexOf(' ');
        var digits = end < 0 ? prompt : prompt[..end];
        if (!int.TryParse(digits, out var number) || number < 1)
        {
            return null;
        }

        prompt = prompt[digits.Length..].TrimStart();
        return number;
    }

    private static IEnumerable<string> Long(int pieces) =>
        Enumerable.Range(1, pieces).Select(number => number % 20 == 0 ? $"{number}.\n\n" : $"word{number} ");

    // A piece is a word with the white space after it, or two wide characters.
    private static IEnumerable<string> Pieces(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var end = at;
            while (end < text.Length && !char.IsWhiteSpace(text[end]) && end - at < 12 && !(text[end] >= '\u2e80' && end - at >= 2))
            {
                end++;
            }

            while (end < text.Length && char.IsWhiteSpace(text[end]))
            {
                end++;
            }

            // The halves of a surrogate pair stay together.
            end += end < text.Length && char.IsLowSurrogate(text[end]) ? 1 : 0;
            yield return text[at..end];
            at = end;
        }
    }
}
