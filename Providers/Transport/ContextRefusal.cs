using System.Globalization;

namespace AiChat.Providers.Transport;

/// <summary>
/// What a provider said when a request was longer than its model reads: how much that is, and how long the prompt was. Each may be null,
/// because vendors and servers word it differently and some give no number.
/// </summary>
internal sealed record ContextRefusal(int? Limit, int? PromptTokens)
{
    /// <summary>Words that only such a refusal has, in a message or a code; letter case does not count.</summary>
    public static readonly string[] Words =
    [
        "context_length_exceeded", "context length", "context window", "context size", "context limit", "prompt is too long",
        "prompt too long", "too many tokens", "too many input tokens", "token count", "exceed_context_size", "maximum prompt length",
        "model_max_prompt_tokens_exceeded", "model token limit", "max_seq_len", "maximum model length", "range of input length",
        "input is too long", "input too long", "maximum allowed length", "maximum allowed input length", "reduce the length of the",
        "number of tokens allowed", "prompt 超长", "输入超长", "超过最大长度", "超出最大长度", "上下文长度", "输入长度超过",
    ];

    /// <summary>A smaller number is a mistake of the server, such as the room that was left.</summary>
    private const int MinLimit = 256;
    private const int MaxNumber = 100_000_000;

    /// <summary>Characters between words and their number.</summary>
    private const int MaxGap = 12;

    private static readonly string[] BeforeLimit =
    [
        "maximum context length", "maximum prompt length", "context length of only", "context length is only", "model's context length",
        "number of tokens allowed", "model token limit", "must be less than max_seq_len", "input length should be [1,",
        "exceeds the limit of", "configured context size", "maximum allowed length", "maximum allowed input length",
        "maximum model length", "exceeds the maximum length", "context window of", "context limit of", "n_ctx", "must be <=",
        "must have less than", "cannot exceed", "(tpm): limit",
    ];

    private static readonly string[] AfterLimit = [" maximum context length", " maximum"];

    private static readonly string[] BeforePrompt =
    [
        "prompt is too long", "token count", "prompt contains", "request contains", "messages resulted in", "prompt has", "request has",
        "the input (", "input length (", "prompt_tokens", "context limit:", "(requested", ", requested",
    ];

    private static readonly string[] AfterPrompt =
        [" in the messages", " in your prompt", " of text input", " input tokens", " tokens in the prompt"];

    /// <param name="message">The provider's message.</param>
    /// <param name="limit">The limit where the error has a member for it.</param>
    /// <param name="prompt">As <paramref name="limit"/>, the tokens of the prompt.</param>
    public static ContextRefusal Read(string message, int? limit, int? prompt)
    {
        var said = limit ?? After(message, BeforeLimit) ?? Before(message, AfterLimit) ?? Greater(message);
        var length = prompt ?? Before(message, AfterPrompt) ?? After(message, BeforePrompt);
        return new ContextRefusal(said >= MinLimit ? said : null, length);
    }

    /// <summary>"213462 tokens &gt; 200000" and "178959 + 64000 &gt; 200000" of Anthropic.</summary>
    private static int? Greater(string message)
    {
        var at = message.IndexOf(" > ", StringComparison.Ordinal);
        return at < 0 ? null : Number(message, at + 3);
    }

    private static int? After(string message, string[] words)
    {
        foreach (var word in words)
        {
            var at = message.IndexOf(word, StringComparison.OrdinalIgnoreCase);
            if (at >= 0 && Number(message, at + word.Length) is { } number)
            {
                return number;
            }
        }

        return null;
    }

    private static int? Before(string message, string[] words)
    {
        foreach (var word in words)
        {
            var end = message.IndexOf(word, StringComparison.OrdinalIgnoreCase);
            if (end > 0 && message[..end].EndsWith(" tokens", StringComparison.OrdinalIgnoreCase))
            {
                end -= " tokens".Length;
            }

            var begin = Math.Max(end, 0);
            while (begin > 0 && (char.IsAsciiDigit(message[begin - 1]) || message[begin - 1] == ','))
            {
                begin--;
            }

            if (begin < end && Number(message, begin) is { } number)
            {
                return number;
            }
        }

        return null;
    }

    /// <summary>The first number from a place on, which may be grouped by commas.</summary>
    private static int? Number(string message, int from)
    {
        var begin = from;
        while (begin < message.Length && begin - from < MaxGap && !char.IsAsciiDigit(message[begin]))
        {
            begin++;
        }

        var end = begin;
        while (end < message.Length && (char.IsAsciiDigit(message[end]) || IsGrouped(message, end)))
        {
            end++;
        }

        var digits = message.AsSpan(begin, end - begin).ToString().Replace(",", "", StringComparison.Ordinal);
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= MaxNumber
            ? number : null;
    }

    private static bool IsGrouped(string message, int at) =>
        message[at] == ',' && at + 3 < message.Length && char.IsAsciiDigit(message[at + 1]) && char.IsAsciiDigit(message[at + 2])
            && char.IsAsciiDigit(message[at + 3]);
}
