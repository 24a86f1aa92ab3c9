using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// The bcrypt hashes of imported accounts, which are replaced at the first login. Until then a login takes the time that their cost asks,
/// longer than that of an unknown name.
/// </summary>
internal static partial class BcryptHash
{
    /// <summary>bcrypt reads no further; whatever follows does not count.</summary>
    public const int MaxBytes = 72;

    /// <summary>Each step doubles the time; 16 takes about five seconds, more would let a login occupy a core.</summary>
    private const int MaxCost = 16;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    public static bool IsKnown(string? hash) => hash is not null && Form().Match(hash) is { Success: true } match
        && int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) is >= 4 and <= MaxCost;

    /// <param name="hash">One that is known.</param>
    public static bool Verify(string password, string hash)
    {
        try
        {
            return BCrypt.Net.BCrypt.Verify(password, hash);
        }
        catch (Exception error) when (error is BCrypt.Net.SaltParseException or EncoderFallbackException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>The part of a password that its bcrypt hash was made of.</summary>
    public static byte[] Counted(string password) => Utf8.GetBytes(password) is { Length: > MaxBytes } bytes ? bytes[..MaxBytes]
        : Utf8.GetBytes(password);

    public static bool IsLonger(string password) => Utf8.GetByteCount(password) > MaxBytes;

    [GeneratedRegex(@"\A\$2[aby]?\$([0-9]{2})\$[./A-Za-z0-9]{53}\z")]
    private static partial Regex Form();
}
