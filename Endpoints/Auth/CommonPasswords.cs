using System.Reflection;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Passwords that an attacker tries first: the 10,000 most frequent leaked ones of eight characters and more (frequency list of zxcvbn-ts,
/// MIT), also with punctuation at the end, and repetitions of up to four characters. Read from the executable each time, because passwords
/// are rarely chosen.
/// </summary>
internal static class CommonPasswords
{
    private const string Resource = "common-passwords.txt";
    private const string Marks = "!?.*#$";

    public static bool Contains(string password)
    {
        var lower = password.ToLowerInvariant();
        return IsRepetition(lower) || IsListed(lower) || IsListed(lower.TrimEnd(Marks.ToCharArray()));
    }

    private static bool IsListed(string text)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"{Resource} is not embedded.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line == text)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>"aaaaaaaa", "abcabcabc", "12121212".</summary>
    private static bool IsRepetition(string text) =>
        Enumerable.Range(1, 4).Any(unit => text.Length >= 2 * unit && text.Select((c, at) => c == text[at % unit]).All(same => same));
}
