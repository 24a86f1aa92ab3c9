using System.Text;
using System.Text.Json;

namespace AiChat.Data;

/// <summary>
/// What somebody typed into a search field. Words, and phrases in quotation marks, all of which must be found; nothing in it is
/// syntax to the database.
/// </summary>
internal sealed class SearchTerms
{
    public const int MaxLength = 200;

    /// <summary>The index holds groups of three characters, so that it cannot find what is shorter.</summary>
    private const int Indexed = 3;

    private const int MostTerms = 10;

    private SearchTerms(List<string> terms)
    {
        Terms = terms;
        var indexed = terms.Where(IsIndexed).ToList();
        Match = indexed.Count == 0 ? null : string.Join(" AND ", indexed.Select(term => $"\"{term.Replace("\"", "\"\"", StringComparison.Ordinal)}\""));
        Patterns = Array(terms);
        Rest = Array(terms.Where(term => !IsIndexed(term)));
    }

    public IReadOnlyList<string> Terms { get; }

    /// <summary>For the full-text index; null when all terms are too short for it.</summary>
    public string? Match { get; }

    /// <summary>One of the terms too short for the index, as a pattern for LIKE: what a search without the index looks at first.</summary>
    public string First => Pattern(Terms[0]);

    /// <summary>Patterns for LIKE of all terms, as a JSON array.</summary>
    public string Patterns { get; }

    /// <summary>Patterns of the terms that <see cref="Match"/> leaves out.</summary>
    public string Rest { get; }

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

    private static void Add(List<string> terms, StringBuilder term)
    {
        if (term.ToString().Trim() is { Length: > 0 } found && terms.Count < MostTerms && !terms.Contains(found))
        {
            terms.Add(found);
        }

        term.Clear();
    }

    private static bool IsIndexed(string term) => term.EnumerateRunes().Count() >= Indexed;

    private static string Pattern(string term) =>
        $"%{term.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";

    private static string Array(IEnumerable<string> terms) =>
        $"[{string.Join(',', terms.Select(term => $"\"{JsonEncodedText.Encode(Pattern(term))}\""))}]";
}
