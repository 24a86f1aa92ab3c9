using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AiChat.Endpoints.Secrets;

/// <summary>The keys that follow from one master key. <see cref="Id"/> stands in each text they sealed.</summary>
internal sealed class KeyGeneration
{
    private const int NonceLength = 12;
    private const int TagLength = 16;

    private readonly Dictionary<SecretPurpose, byte[]> _keys = [];

    /// <param name="jwt">A configured key for logins, which does not follow from the master key; null derives one.</param>
    public KeyGeneration(byte[] master, string installId, byte[]? jwt)
    {
        var salt = Encoding.ASCII.GetBytes(installId);
        byte[] From(string info) => HKDF.DeriveKey(HashAlgorithmName.SHA256, master, 32, salt, Encoding.ASCII.GetBytes(info));

        _keys[SecretPurpose.ProviderSecrets] = From("provider-secrets");
        _keys[SecretPurpose.Jwt] = jwt ?? From("jwt");
        _keys[SecretPurpose.DeviceCookie] = From("device-cookie");
        _keys[SecretPurpose.UrlSign] = From("url-sign");
        _keys[SecretPurpose.ShareTokens] = From("share-tokens");
        _keys[SecretPurpose.Nodes] = From("nodes");
        Id = Convert.ToHexStringLower(SHA256.HashData(From("kid")).AsSpan(0, 4));
    }

    public string Id { get; }

    public byte[] Key(SecretPurpose purpose) => _keys[purpose];

    public string Seal(SecretPurpose purpose, string aad, string plaintext)
    {
        var clear = Encoding.UTF8.GetBytes(plaintext);
        var nonce = RandomNumberGenerator.GetBytes(NonceLength);
        var sealedBytes = new byte[clear.Length + TagLength];
        using var aes = new AesGcm(_keys[purpose], TagLength);
        aes.Encrypt(nonce, clear, sealedBytes.AsSpan(0, clear.Length), sealedBytes.AsSpan(clear.Length), Encoding.UTF8.GetBytes(aad));
        CryptographicOperations.ZeroMemory(clear);
        return $"v1.{Id}.{Base64Url.EncodeToString(nonce)}.{Base64Url.EncodeToString(sealedBytes)}";
    }

    /// <summary>Null when the text was sealed with another key, for another place, or was changed.</summary>
    public string? Open(SecretPurpose purpose, string aad, string sealedText)
    {
        var parts = sealedText.Split('.');
        if (parts.Length != 4 || parts[0] != "v1" || parts[1] != Id || !Base64Url.IsValid(parts[2]) || !Base64Url.IsValid(parts[3]))
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
}
