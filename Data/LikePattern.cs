namespace AiChat.Data;

/// <summary>Patterns for <c>like … escape '\'</c>.</summary>
internal static class LikePattern
{
    /// <summary>Matches whatever contains the text.</summary>
    public static string Containing(string text)
    {
        var literal = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal)
            .Replace("_", "\\_", StringComparison.Ordinal);
        return $"%{literal}%";
    }
}
