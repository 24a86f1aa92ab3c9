using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Secrets;

/// <summary>
/// Removes secrets from text that leaves the process: log lines, traces, error details. Added secrets are found by value, other keys and
/// bearer tokens by their form. Safe for any number of threads.
/// </summary>
internal sealed partial class Redactor
{
    public const string Gone = "[redacted]";

    /// <summary>A shorter secret would match ordinary words.</summary>
    private const int MinSecret = 8;

    private readonly Lock _gate = new();
    private volatile string[] _secrets = [];

    /// <summary>From now on <see cref="Clean"/> removes this value.</summary>
    public void Add(string secret)
    {
        lock (_gate)
        {
            if (secret.Length >= MinSecret && !_secrets.Contains(secret))
            {
                // Longest first, so that a secret that contains another is removed whole.
                _secrets = [.. _secrets.Append(secret).OrderByDescending(value => value.Length)];
            }
        }
    }

    /// <summary>Whether a member, header or column of this name holds a secret, whatever its value looks like.</summary>
    public static bool IsSecretName(string name) => SecretNames().IsMatch(name);

    public string Clean(string text)
    {
        foreach (var secret in _secrets)
        {
            text = text.Replace(secret, Gone, StringComparison.Ordinal);
        }

        text = Keys().Replace(text, "sk-" + Gone);
        return Bearers().Replace(text, "$1" + Gone);
    }

    [GeneratedRegex(
        @"api[-_]?key|secret|password|authorization|cookie|credential|access[-_]?token|refresh[-_]?token|^token$",
        RegexOptions.IgnoreCase,
        200)]
    private static partial Regex SecretNames();

    [GeneratedRegex(@"\bsk-[A-Za-z0-9_\-]{8,}", RegexOptions.None, 200)]
    private static partial Regex Keys();

    [GeneratedRegex(@"\b(Bearer\s+)[A-Za-z0-9._~+/=\-]{8,}", RegexOptions.IgnoreCase, 200)]
    private static partial Regex Bearers();
}
