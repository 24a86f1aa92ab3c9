using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Data.Catalog;
using AiChat.Data.Store;

namespace AiChat.Endpoints.Secrets;

/// <summary>What a key is for. Each purpose has its own key, so that no key opens what another sealed.</summary>
internal enum SecretPurpose
{
    ProviderSecrets,
    Jwt,
    DeviceCookie,
    UrlSign,
    ShareTokens,
}

/// <summary>
/// Encryption at rest and the keys for signing, all derived from one master key and the id of this installation.
/// Usable after <see cref="Open(CancellationToken)"/>. Safe for any number of threads.
/// </summary>
internal sealed class SecretCipher(DataFolder folder, InstanceMarker instance, ServerOptions options, Db db, TimeProvider clock)
{
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const string CheckAad = "settings|value|internal.key_check|v1";

    private readonly Dictionary<SecretPurpose, byte[]> _keys = [];
    private string _kid = "";

    /// <summary>Finds or creates the master key and proves that it is the one the database was written with.</summary>
    /// <exception cref="StartupException">The key is missing, changed, readable by others or malformed, or JWT_SECRET is weak.</exception>
    public async Task Open(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var check = await KeyCheck.Find(db);
        var master = MasterKey.Find(folder, options);
        if (master is null && check.InUse)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The master key {folder.File(MasterKey.FileName)} is missing, and the database holds secrets made with it. "
                    + "Put the key back.");
        }

        Derive(master ?? MasterKey.Create(folder));
        if (check.Value is not null && Open(SecretPurpose.ProviderSecrets, CheckAad, check.Value) is not null)
        {
            return;
        }

        if (check.Value is not null && check.InUse)
        {
            throw new StartupException(
                StartupException.Configuration,
                "The master key (or instance.json) is not the one this database was written with: its secrets cannot be read. "
                    + "Put the right one back.");
        }

        await KeyCheck.Replace(db, Seal(SecretPurpose.ProviderSecrets, CheckAad, "aichat"), clock.GetUtcNow());
    }

    /// <summary>Encrypts. The result opens only with the same <paramref name="aad"/>, which is "table|column|row|v1".</summary>
    public string Seal(SecretPurpose purpose, string aad, string plaintext)
    {
        var clear = Encoding.UTF8.GetBytes(plaintext);
        var nonce = RandomNumberGenerator.GetBytes(NonceLength);
        var sealedBytes = new byte[clear.Length + TagLength];
        using var aes = new AesGcm(_keys[purpose], TagLength);
        aes.Encrypt(nonce, clear, sealedBytes.AsSpan(0, clear.Length), sealedBytes.AsSpan(clear.Length), Encoding.UTF8.GetBytes(aad));
        CryptographicOperations.ZeroMemory(clear);
        return $"v1.{_kid}.{Base64Url.EncodeToString(nonce)}.{Base64Url.EncodeToString(sealedBytes)}";
    }

    /// <summary>Null when the text was sealed with another key, for another place, or was changed.</summary>
    public string? Open(SecretPurpose purpose, string aad, string sealedText)
    {
        var parts = sealedText.Split('.');
        if (parts.Length != 4 || parts[0] != "v1" || parts[1] != _kid || !Base64Url.IsValid(parts[2]) || !Base64Url.IsValid(parts[3]))
        {
            return null;
        }

        var nonce = Base64Url.DecodeFromChars(parts[2]);
        var bytes = Base64Url.DecodeFromChars(parts[3]);
        if (nonce.Length != NonceLength || bytes.Length < TagLength)
        {
            return null;
        }

        var clear = new byte[bytes.Length - TagLength];
        using var aes = new AesGcm(_keys[purpose], TagLength);
        try
        {
            aes.Decrypt(nonce, bytes.AsSpan(0, clear.Length), bytes.AsSpan(clear.Length), clear, Encoding.UTF8.GetBytes(aad));
            return Encoding.UTF8.GetString(clear);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <summary>The key for signing; the caller must not change it.</summary>
    public byte[] Key(SecretPurpose purpose) => _keys[purpose];

    /// <summary>HMAC-SHA256 of the text, base64url.</summary>
    public string Sign(SecretPurpose purpose, string text) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(_keys[purpose], Encoding.UTF8.GetBytes(text)));

    public bool Verify(SecretPurpose purpose, string text, string signature) => CryptographicOperations.FixedTimeEquals(
        Encoding.ASCII.GetBytes(Sign(purpose, text)), Encoding.UTF8.GetBytes(signature));

    private void Derive(byte[] master)
    {
        var salt = Encoding.ASCII.GetBytes(instance.InstallId);
        byte[] From(string info) => HKDF.DeriveKey(HashAlgorithmName.SHA256, master, 32, salt, Encoding.ASCII.GetBytes(info));

        _keys[SecretPurpose.ProviderSecrets] = From("provider-secrets");
        _keys[SecretPurpose.Jwt] = options.JwtSecret is { } given ? JwtSecret.Check(given) : From("jwt");
        _keys[SecretPurpose.DeviceCookie] = From("device-cookie");
        _keys[SecretPurpose.UrlSign] = From("url-sign");
        _keys[SecretPurpose.ShareTokens] = From("share-tokens");
        _kid = Convert.ToHexStringLower(SHA256.HashData(From("kid")).AsSpan(0, 4));
        CryptographicOperations.ZeroMemory(master);
    }
}
