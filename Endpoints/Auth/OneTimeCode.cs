using System.Security.Cryptography;

namespace AiChat.Endpoints.Auth;

/// <summary>Signs in once, within a day, to an account without a password. Shown to the administrator, stored as a hash.</summary>
internal static class OneTimeCode
{
    public static readonly TimeSpan Life = TimeSpan.FromHours(24);

    /// <summary>Without characters that are easily confused, because a code is read out and typed.</summary>
    private const string Alphabet = "abcdefghijkmnpqrstuvwxyz23456789";

    /// <summary>80 bits.</summary>
    private const int Length = 16;

    public static string Create() => RandomNumberGenerator.GetString(Alphabet, Length);
}
