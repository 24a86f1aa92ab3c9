using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Estimates tokens without a vocabulary: four ASCII characters, or one and a half others, make one token. The error is about 20 %, so a
/// reserve is kept, and a provider's own count is always preferred.
/// </summary>
internal static class TokenEstimate
{
    /// <summary>Tokens of the framing of one turn.</summary>
    public const int PerTurn = 4;

    /// <summary>Tokens of an image at the default detail of most vendors.</summary>
    public const int PerImage = 1_000;

    public static int Estimate(ReadOnlySpan<char> text)
    {
        var count = new TokenCount();
        count.Add(text);
        return count.Tokens;
    }

    public static int Estimate(ChatTurn turn) =>
        Estimate(turn.Text) + turn.Images.Count * PerImage + PerTurn + turn.ToolCalls.Sum(call => Estimate(call.Arguments) + PerTurn);

    /// <summary>A whole prompt with its tools.</summary>
    public static int Estimate(ChatRequest request) =>
        request.Passthrough?.PromptTokens ?? Estimate(request.SystemPrompt, request.Turns, request.Tools);

    public static int Estimate(string? system, IReadOnlyList<ChatTurn> turns, IReadOnlyList<ChatTool> tools) =>
        (system is null ? 0 : Estimate(system) + PerTurn)
        + turns.Sum(Estimate)
        + tools.Sum(tool => Estimate(tool.Description) + Estimate(tool.ParametersJson) + PerTurn);
}

/// <summary>The estimate of a text that arrives in pieces.</summary>
internal struct TokenCount
{
    private int _ascii;
    private int _other;

    public readonly int Tokens => (_ascii + 3) / 4 + (_other * 2 + 2) / 3;

    public void Add(ReadOnlySpan<char> text)
    {
        var ascii = 0;
        foreach (var c in text)
        {
            if (c < 0x80)
            {
                ascii++;
            }
        }

        Add(ascii, text.Length - ascii);
    }

    public void Add(int ascii, int other)
    {
        _ascii += ascii;
        _other += other;
    }
}
