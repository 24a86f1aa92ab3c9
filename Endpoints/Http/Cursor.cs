using System.Globalization;
using System.Numerics;

namespace AiChat.Endpoints.Http;

/// <summary>The text form of a place in a list: the <c>nextCursor</c> of a page, sent back as <c>cursor</c> for the next one.</summary>
internal static class Cursor
{
    /// <summary>The place, or <paramref name="start"/> without a text; null when no page gave this text.</summary>
    public static T? Parse<T>(string? text, T start)
        where T : struct, INumberBase<T> =>
        text is null ? start : T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? place : null;

    public static string From(long place) => place.ToString(CultureInfo.InvariantCulture);

    /// <summary>The answer to a text that no page gave.</summary>
    public static Problem Invalid(string field = "cursor") => Problems.Invalid(field, "Use the nextCursor of the page before.");
}
