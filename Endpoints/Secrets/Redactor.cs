using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Secrets;

/// <summary>
/// Takes secrets out of text that leaves the process: log lines, traces, error details. By value for every secret it was told of,
/// by shape for keys and bearer tokens it was not. Safe for any number of threads.
/// </summary>
internal sealed partial class Redactor
{
    public const string Gone = "[redacted]";

    /// <summary>Shorter ones would take ordinary words out of the text.</summary>
    private const int MinSecret = 8;

    private readonly Lock _gate = new();
    private volatile string[] _secrets = [];

    /// <summary>From now on this value does not appear in cleaned text.</summary>
    public void Add(string secret)
    {
        lock (_gate)
        {
            if (secret.Length >= MinSecret && !_secrets.Contains(secret))
            {
                // Longest first: a secret that contains another leaves nothing of itself.
                _secrets = [.. _secrets.Append(secret).OrderByDescending(value => value.Length)];
            }
        }
    }

    public void Remove(string secret)
    {
        lock (_gate)
        {
            _secrets = [.. _secrets.Where(value => value != secret)];
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

    [GeneratedRegex(@"api[-_]?key|secret|password|authorization|cookie|credential|access[-_]?token|refresh[-_]?token|^token$", RegexOptions.IgnoreCase, 200)]
    private static partial Regex SecretNames();

    [GeneratedRegex(@"\bsk-[A-Za-z0-9_\-]{8,}", RegexOptions.None, 200)]
    private static partial Regex Keys();

    [GeneratedRegex(@"\b(Bearer\s+)[A-Za-z0-9._~+/=\-]{8,}", RegexOptions.IgnoreCase, 200)]
    private static partial Regex Bearers();
}
