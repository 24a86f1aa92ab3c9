using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Secrets;

/// <summary>Refuses secrets that are short, repetitive or published.</summary>
internal static class JwtSecret
{
    private const int MinLength = 32;
    private const int MinDistinct = 8;

    /// <summary>Parts of secrets in published examples. A token signed with such a secret can be forged by anybody.</summary>
    private static readonly string[] Published =
    [
        "fallback-secret-key", "your-super-secret", "your-secret", "your_secret", "super-secret-jwt", "jwt-secret", "jwt_secret",
        "change-this", "change_this", "changethis", "change-me", "change_me", "changeme", "replace-me", "replace_me",
        "example", "default-secret", "please-change", "aichat-production", "aichat-secret", "aichat-encryption-key", "my-secret-key",
    ];

    /// <exception cref="StartupException">The secret is weak; the message names the rule.</exception>
    public static byte[] Check(string secret)
    {
        if (secret.Length < MinLength)
        {
            throw Wrong($"has at least {MinLength} characters");
        }

        if (secret.Distinct().Count() < MinDistinct)
        {
            throw Wrong("is random, not a few characters repeated");
        }

        if (Published.Any(piece => secret.Contains(piece, StringComparison.OrdinalIgnoreCase)))
        {
            throw Wrong("is your own; this one is a published example");
        }

        return Encoding.UTF8.GetBytes(secret);
    }

    private static StartupException Wrong(string rule) => new(
        StartupException.Configuration, $"JWT_SECRET is wrong: it {rule}. Leave it out to have one made, or run: openssl rand -base64 48");
}
