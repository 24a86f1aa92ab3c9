namespace AiChat.Providers.Protocol;

/// <summary>Letters of two units that a server cuts in two.</summary>
internal static class SplitLetter
{
    /// <summary>
    /// Joins the halves of a surrogate pair that a server cut in two: a half at the end of a piece waits in <paramref name="half"/>.
    /// </summary>
    public static string Whole(string? piece, ref char half)
    {
        if (string.IsNullOrEmpty(piece))
        {
            return "";
        }

        if (half != '\0')
        {
            piece = (char.IsLowSurrogate(piece[0]) ? half : '\uFFFD') + piece;
            half = '\0';
        }
        else if (char.IsLowSurrogate(piece[0]))
        {
            piece = '\uFFFD' + piece[1..];
        }

        if (char.IsHighSurrogate(piece[^1]))
        {
            half = piece[^1];
            piece = piece[..^1];
        }

        return piece;
    }
}
