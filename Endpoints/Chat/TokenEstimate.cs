namespace AiChat.Endpoints.Chat;

/// <summary>
/// A guess at tokens without a vocabulary: four Latin letters, or about one and a half characters of other scripts, to a token.
/// Good to some 20 %, which is why room is kept and why a provider's own count always wins.
/// </summary>
internal static class TokenEstimate
{
    /// <summary>What the frame of one turn costs.</summary>
    public const int PerTurn = 4;

    /// <summary>An image costs about this much at most vendors' usual detail.</summary>
    public const int PerImage = 1_000;

    public static int Of(ReadOnlySpan<char> text)
    {
        var ascii = 0;
        foreach (var c in text)
        {
            if (c < 0x80)
            {
                ascii++;
            }
        }

        return (ascii + 3) / 4 + ((text.Length - ascii) * 2 + 2) / 3;
    }
}
