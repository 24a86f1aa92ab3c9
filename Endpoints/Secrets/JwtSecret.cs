using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Secrets;

/// <summary>Refuses secrets that somebody else knows or guesses.</summary>
internal static class JwtSecret
{
    private const int MinLength = 32;
    private const int FewestDifferent = 8;

    /// <summary>Pieces of secrets that stand in published examples; whoever copies one signs with a key the world has.</summary>
    private static readonly string[] Published =
    [
        "fallback-secret-key", "your-super-secret", "your-secret", "your_secret", "super-secret-jwt", "jwt-secret", "jwt_secret",
        "change-this", "change_this", "changethis", "change-me", "change_me", "changeme", "replace-me", "replace_me",
        "example", "default-secret", "please-change", "aichat-production", "aichat-secret", "aichat-encryption-key", "my-secret-key",
    ];

    public static byte[] Check(string secret)
    {
        if (secret.Length < MinLength)
        {
            throw Wrong($"has at least {MinLength} characters");
        }

        if (secret.Distinct().Count() < FewestDifferent)
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
