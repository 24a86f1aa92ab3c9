using System.Security.Cryptography;
using System.Text;
using Konscious.Security.Cryptography;

namespace AiChat.Data.Backups;

/// <summary>The master key under a passphrase: Argon2id makes a key of the passphrase, and AES-256-GCM seals with it.</summary>
internal sealed record SealedKey(int MemoryKib, int Passes, int Lanes, string Salt, string Nonce, string Sealed)
{
    /// <summary>Shorter ones are found by trying, whatever is done to slow that down.</summary>
    public const int MinPassphrase = 12;

    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int DefaultMemory = 64 * 1024;

    /// <summary>What a manipulated file may ask for at most.</summary>
    private const int MaxMemory = 1024 * 1024;

    private static readonly byte[] Purpose = "aichat backup master key v1"u8.ToArray();

    public static SealedKey Seal(byte[] key, string passphrase)
    {
        var (salt, nonce) = (RandomNumberGenerator.GetBytes(16), RandomNumberGenerator.GetBytes(NonceLength));
        const int passes = 3, lanes = 1;
        var bytes = new byte[key.Length + TagLength];
        using var aes = new AesGcm(Derive(passphrase, salt, DefaultMemory, passes, lanes), TagLength);
        aes.Encrypt(nonce, key, bytes.AsSpan(0, key.Length), bytes.AsSpan(key.Length), Purpose);
        return new SealedKey(
            DefaultMemory, passes, lanes, Convert.ToBase64String(salt), Convert.ToBase64String(nonce), Convert.ToBase64String(bytes));
    }

    /// <summary>Null when the passphrase is wrong or the text was changed.</summary>
    /// <exception cref="BackupException">It is malformed.</exception>
    public byte[]? Open(string passphrase)
    {
        if (MemoryKib is < 8 or > MaxMemory || Passes is < 1 or > 20 || Lanes is < 1 or > 16)
        {
            throw new BackupException("The key in the backup asks for more work than any was made with.");
        }

        try
        {
            var bytes = Convert.FromBase64String(Sealed);
            var key = new byte[bytes.Length - TagLength];
            using var aes = new AesGcm(Derive(passphrase, Convert.FromBase64String(Salt), MemoryKib, Passes, Lanes), TagLength);
            aes.Decrypt(Convert.FromBase64String(Nonce), bytes.AsSpan(0, key.Length), bytes.AsSpan(key.Length), key, Purpose);
            return key;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException)
        {
            throw new BackupException("The key in the backup is malformed.", error);
        }
    }

    private static byte[] Derive(string passphrase, byte[] salt, int memory, int passes, int lanes)
    {
        using var argon = new Argon2id(Encoding.UTF8.GetBytes(passphrase.Normalize(NormalizationForm.FormKC)))
        {
            Salt = salt,
            MemorySize = memory,
            Iterations = passes,
            DegreeOfParallelism = lanes,
        };
        return argon.GetBytes(32);
    }
}
