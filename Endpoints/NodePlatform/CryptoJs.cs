using System.Security.Cryptography;
using System.Text;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>
/// Opens what CryptoJS encrypts with a passphrase: OpenSSL's "Salted__" form, AES-256-CBC, key and vector by EVP_BytesToKey with MD5. The
/// text is not authenticated, so a wrong passphrase now and then yields noise; the caller must judge what came out.
/// </summary>
internal static class CryptoJs
{
    private const int Head = 16;
    private const int KeyLength = 32;
    private const int VectorLength = 16;

    /// <summary>Whether the text has the form.</summary>
    public static bool IsSealed(string text) => text.StartsWith("U2FsdGVkX1", StringComparison.Ordinal);

    /// <summary>Null when the passphrase is wrong or the text is damaged.</summary>
    public static string? Open(string text, string passphrase)
    {
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text.Trim(), bytes, out var length) || length <= Head || (length - Head) % VectorLength != 0)
        {
            return null;
        }

        var (key, vector) = Derive(Encoding.UTF8.GetBytes(passphrase), bytes.AsSpan(8, 8));
        using var aes = Aes.Create();
        aes.Key = key;
        try
        {
            var plain = aes.DecryptCbc(bytes.AsSpan(Head, length - Head), vector);
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(plain);
        }
        catch (Exception error) when (error is CryptographicException or DecoderFallbackException)
        {
            return null;
        }
    }

    private static (byte[] Key, byte[] Vector) Derive(byte[] passphrase, ReadOnlySpan<byte> salt)
    {
        var derived = new List<byte>();
        byte[] block = [];
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5); // the other program's choice
        while (derived.Count < KeyLength + VectorLength)
        {
            md5.AppendData([.. block, .. passphrase, .. salt]);
            block = md5.GetHashAndReset();
            derived.AddRange(block);
        }

        return ([.. derived[..KeyLength]], [.. derived[KeyLength..(KeyLength + VectorLength)]]);
    }
}
