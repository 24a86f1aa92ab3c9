using System.Collections.Concurrent;
using System.Text;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>
/// A statement whose parameters have numbers instead of names, worked out once for each text: Npgsql would read the whole text again every
/// time to do the same, which took a tenth of a server's processor time. Thread-safe.
/// </summary>
internal sealed class Positional
{
    /// <summary>The product has a few hundred; more than these are made up of pieces, and are not worth keeping.</summary>
    private const int MaxKept = 2_000;

    private static readonly ConcurrentDictionary<string, Positional> Known = new(StringComparer.Ordinal);

    private readonly string _text;

    /// <summary>The names in the order of their numbers.</summary>
    private readonly List<string> _names = [];

    private Positional(string text) => _text = Number(text);

    /// <summary>Gives the parameters of the command numbers. Those that its text does not name are left out.</summary>
    public static void Apply(NpgsqlCommand command)
    {
        var text = command.CommandText;
        if (!Known.TryGetValue(text, out var known))
        {
            known = new Positional(text);
            if (Known.Count < MaxKept)
            {
                Known[text] = known;
            }
        }

        var given = command.Parameters.ToArray<NpgsqlParameter>();
        command.Parameters.Clear(); // a parameter in a collection cannot change its name cheaply
        for (var at = 0; at < known._names.Count; at++)
        {
            var parameter = Find(given, known._names[at], at)
                ?? throw new InvalidOperationException($"The statement has no value for @{known._names[at]}.");
            parameter.ParameterName = "";
            command.Parameters.Add(parameter);
        }

        command.CommandText = known._text;
    }

    /// <summary>Most callers give them in the order of the text.</summary>
    private static NpgsqlParameter? Find(NpgsqlParameter[] given, string name, int likely) =>
        likely < given.Length && given[likely].ParameterName == name ? given[likely]
            : Array.Find(given, one => one.ParameterName.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Replaces names by numbers outside of literals, quoted names and comments.</summary>
    private string Number(string text)
    {
        var numbered = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var end = text[at] switch
            {
                '\'' or '"' => text.IndexOf(text[at], at + 1) + 1,
                '-' when text.AsSpan(at).StartsWith("--") => EndOfLine(text, at),
                '@' when at + 1 < text.Length && IsWord(text[at + 1]) => EndOfWord(text, at + 1),
                _ => at + 1,
            };
            if (text[at] == '@' && end > at + 1)
            {
                numbered.Append('$').Append(NumberOf(text[(at + 1)..end]));
            }
            else
            {
                end = end > at ? end : text.Length;
                numbered.Append(text, at, end - at);
            }

            at = end;
        }

        return numbered.ToString();
    }

    private int NumberOf(string name)
    {
        var at = _names.FindIndex(known => known.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (at < 0)
        {
            _names.Add(name);
            at = _names.Count - 1;
        }

        return at + 1;
    }

    private static int EndOfLine(string text, int from) => text.IndexOf('\n', from) is var end and >= 0 ? end : text.Length;

    private static int EndOfWord(string text, int from)
    {
        while (from < text.Length && IsWord(text[from]))
        {
            from++;
        }

        return from;
    }

    private static bool IsWord(char letter) => char.IsAsciiLetterOrDigit(letter) || letter == '_';
}
