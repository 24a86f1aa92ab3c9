namespace AiChat.Endpoints.Variables;

/// <summary>What secrets of the operator must be: long, random and not published.</summary>
internal static class SecretRules
{
    /// <summary>Bytes of a master key.</summary>
    public const int KeyLength = 32;

    public const string KeyRule = "holds 32 bytes as base64 or hex, as made by: openssl rand -base64 32";

    private const string Advice = "; leave it out to have one made, or run: openssl rand -base64 48";
    private const int MinLength = 32;
    private const int MinDistinct = 8;

    /// <summary>Parts of secrets in published examples. A token signed with such a secret can be forged by anybody.</summary>
    private static readonly string[] Published =
    [
        "fallback-secret-key", "your-super-secret", "your-secret", "your_secret", "super-secret-jwt", "jwt-secret", "jwt_secret",
        "change-this", "change_this", "changethis", "change-me", "change_me", "changeme", "replace-me", "replace_me",
        "example", "default-secret", "please-change", "aichat-production", "aichat-secret", "aichat-encryption-key", "my-secret-key",
    ];

    /// <summary>The rule that a secret for signing breaks, or null.</summary>
    public static string? BrokenJwt(string secret) =>
        secret.Length < MinLength ? $"has at least {MinLength} characters{Advice}"
        : secret.Distinct().Count() < MinDistinct ? $"is random, not a few characters repeated{Advice}"
        : Published.Any(piece => secret.Contains(piece, StringComparison.OrdinalIgnoreCase))
            ? $"is your own, and this one is a published example{Advice}"
        : null;

    /// <summary>The rule that a master key breaks, or null.</summary>
    public static string? BrokenKey(string text) => DecodeKey(text) is null ? KeyRule : null;

    /// <summary>The bytes of a master key in base64 or hex; null when it is none.</summary>
    public static byte[]? DecodeKey(string text)
    {
        if (text.Length == 2 * KeyLength && text.All(char.IsAsciiHexDigit))
        {
            return Convert.FromHexString(text);
        }

        var key = new byte[KeyLength];
        return Convert.TryFromBase64String(text, key, out var written) && written == KeyLength ? key : null;
    }

    /// <summary>The rule that a setup code breaks, or null.</summary>
    public static string? BrokenCode(string code) => code.Length is >= 8 and <= 128 && code.All(c => c is > ' ' and <= '~')
        ? null : "has 8 to 128 letters, digits and signs, without spaces";
}
