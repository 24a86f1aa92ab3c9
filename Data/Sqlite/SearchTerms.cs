using System.Text;

namespace AiChat.Data.Sqlite;

/// <summary>
/// A parsed search text: words, and phrases in quotation marks, all of which must be found, in whatever form their letters are written.
/// None of it is treated as query syntax.
/// </summary>
internal sealed class SearchTerms
{
    public const int MaxLength = 200;

    /// <summary>The index holds trigrams, so it cannot find shorter terms.</summary>
    private const int Indexed = 3;

    private const int MaxTerms = 10;

    /// <summary>Each trigram costs a lookup for every message of its owner; the final match is made on the text itself.</summary>
    private const int MaxGroups = 4;

    private readonly List<TextPattern> _patterns;

    private SearchTerms(IEnumerable<string> terms)
    {
        _patterns = [.. terms.Select(term => new TextPattern(term))];
        var groups = _patterns.SelectMany(pattern => Groups(pattern.Text)).Distinct().ToList();

        // A group that reaches from one word into the next is in few of the texts that hold both words somewhere.
        var between = Spread(groups.FindAll(group => group.Trim().Any(char.IsWhiteSpace)), MaxGroups - 1);
        var asked = between.Concat(Spread(groups.FindAll(group => !between.Contains(group)), MaxGroups - between.Count)).ToList();
        Match = asked.Count == 0 ? null : string.Join(" AND ", asked.Select(Quoted));
    }

    public IReadOnlyList<TextPattern> Patterns => _patterns;

    /// <summary>The query for the full-text index; it may match more than the terms do. Null when all terms are too short for it.</summary>
    public string? Match { get; }

    /// <summary>Whether a text contains all terms.</summary>
    public bool AreIn(string text) => _patterns.TrueForAll(pattern => pattern.IsIn(text));

    /// <summary>Null when there is nothing to search for.</summary>
    public static SearchTerms? Parse(string? text)
    {
        var terms = new List<string>();
        var term = new StringBuilder();
        var quoted = false;
        foreach (var letter in text ?? "")
        {
            if (letter == '"' || (!quoted && char.IsWhiteSpace(letter)) || char.IsControl(letter))
            {
                Add(terms, term);
                quoted ^= letter == '"';
            }
            else
            {
                term.Append(letter);
            }
        }

        Add(terms, term);
        return terms.Count == 0 ? null : new SearchTerms(terms);
    }

    /// <summary>The quoted trigram, of private-use characters, under which the index files the messages of one user.</summary>
    public static string Owner(long userId) => Quoted(string.Concat(Digit(userId / 40_960_000), Digit(userId / 6_400), Digit(userId)));

    private static void Add(List<string> terms, StringBuilder term)
    {
        var found = Letters.Fold(term.ToString().Trim());
        if (found.Length > 0 && terms.Count < MaxTerms && !terms.Contains(found))
        {
            terms.Add(found);
        }

        term.Clear();
    }

    /// <summary>At most so many groups, from all parts of the list.</summary>
    private static List<string> Spread(List<string> groups, int most)
    {
        var count = Math.Min(groups.Count, most);
        return [.. Enumerable.Range(0, count).Select(i => groups[i * groups.Count / count])];
    }

    private static IEnumerable<string> Groups(string term)
    {
        var letters = term.EnumerateRunes().ToList();
        return Enumerable.Range(0, Math.Max(0, letters.Count - Indexed + 1)).Select(at => string.Concat(letters.Skip(at).Take(Indexed)));
    }

    private static string Digit(long number) => ((char)('\uE000' + (number % 6_400))).ToString();

    private static string Quoted(string group) => $"\"{group.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
