namespace AiChat.Endpoints.Variables;

/// <summary>Which known name somebody meant.</summary>
internal static class Names
{
    /// <summary>Whether they differ by case, or by few letters for their length.</summary>
    public static bool IsNear(string known, string given) =>
        known.Equals(given, StringComparison.OrdinalIgnoreCase) || Distance(known, given) <= Math.Min(known.Length / 5, 3);

    /// <summary>The nearest known name; null when none is near.</summary>
    public static string? Nearest(IEnumerable<string> known, string given) =>
        known.Where(name => IsNear(name, given)).MinBy(name => Distance(name, given));

    /// <summary>How many letters to insert, delete or replace (Levenshtein).</summary>
    public static int Distance(string one, string two)
    {
        var row = Enumerable.Range(0, two.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= two.Length; j++)
            {
                var above = row[j];
                var replaced = diagonal + (one[i - 1] == two[j - 1] ? 0 : 1);
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, replaced);
                diagonal = above;
            }
        }

        return row[two.Length];
    }
}
