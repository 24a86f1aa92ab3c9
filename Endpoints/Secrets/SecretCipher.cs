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

    /// <summary>Requests of one process to another on the same database.</summary>
    Nodes,
}

/// <summary>
/// Encryption at rest and the keys for signing, all derived from one master key and the id of this installation.
/// Usable after <see cref="Open(CancellationToken)"/>. Safe for any number of threads.
/// </summary>
internal sealed class SecretCipher(DataFolder folder, InstanceMarker instance, ServerOptions options, Db db, TimeProvider clock)
{
    public const string CheckAad = $"settings|value|{CheckKey}|v1";

    private const string CheckKey = "internal.key_check";

    private const string SameKey =
        "All servers on one database need the same: give it to each with AICHAT_MASTER_KEY_FILE or AICHAT_MASTER_KEY.";

    /// <summary>The first seals and signs. The others were it before a change of the key, and open what requests still hold.</summary>
    private volatile KeyGeneration[] _generations = [];

    private byte[]? _jwt;

    /// <summary>The keys in use.</summary>
    public KeyGeneration Current => _generations[0];

    /// <summary>Finds or creates the master key and proves that it is the one the database was written with.</summary>
    /// <exception cref="StartupException">The key is missing, changed, readable by others or malformed.</exception>
    public async Task Open(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        _jwt = options.JwtSecret is { } given ? Encoding.UTF8.GetBytes(given) : null;
        var check = await KeyCheck.Find(db);
        StagedKey.Settle(folder, next => check.Value is { } value && Opens(Generation(next), value));
        var isShared = options.DatabaseServer is not null;
        var master = MasterKey.Find(folder, options);
        if (master is null && (check.InUse || (isShared && check.Value is not null)))
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The master key {folder.File(MasterKey.FileName)} is missing, and the database holds secrets made with it. "
                    + (isShared ? SameKey : "Put the key back."));
        }

        var isNew = master is null;
        var generation = Generation(master ?? MasterKey.Create(folder));
        _generations = [generation];
        if (check.Value is not null && Opens(generation, check.Value))
        {
            return;
        }

        if (check.Value is not null && (check.InUse || isShared))
        {
            throw new StartupException(
                StartupException.Configuration,
                "The master key (or instance.json) is not the one this database was written with: its secrets cannot be read. "
                    + (isShared ? SameKey : "Put the right one back."));
        }

        var proof = Seal(SecretPurpose.ProviderSecrets, CheckAad, "aichat");
        if (!isShared)
        {
            await KeyCheck.Replace(db, proof, clock.GetUtcNow());
        }
        else if (!Opens(generation, await SettingStore.Keep(db, CheckKey, proof, clock.GetUtcNow())))
        {
            if (isNew)
            {
                File.Delete(folder.File(MasterKey.FileName)); // made a moment ago, and nothing was sealed with it
            }

            throw new StartupException(
                StartupException.Configuration, $"Another server has just begun this database with another master key. {SameKey}");
        }
    }

    /// <summary>Encrypts. The result opens only with the same <paramref name="aad"/>, which is "table|column|row|v1".</summary>
    public string Seal(SecretPurpose purpose, string aad, string plaintext) => Current.Seal(purpose, aad, plaintext);

    /// <summary>Null when the text was sealed with another key, for another place, or was changed.</summary>
    public string? Open(SecretPurpose purpose, string aad, string sealedText) =>
        _generations.Select(generation => generation.Open(purpose, aad, sealedText)).FirstOrDefault(text => text is not null);

    /// <summary>The key for signing; the caller must not change it. Another array after a change of the key.</summary>
    public byte[] Key(SecretPurpose purpose) => Current.Key(purpose);

    /// <summary>HMAC-SHA256 of the text, base64url.</summary>
    public string Sign(SecretPurpose purpose, string text) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(Key(purpose), Encoding.UTF8.GetBytes(text)));

    public bool Verify(SecretPurpose purpose, string text, string signature) => CryptographicOperations.FixedTimeEquals(
        Encoding.ASCII.GetBytes(Sign(purpose, text)), Encoding.UTF8.GetBytes(signature));

    /// <summary>The keys of a master key, which is erased.</summary>
    public KeyGeneration Generation(byte[] master)
    {
        var generation = new KeyGeneration(master, instance.InstallId, _jwt);
        CryptographicOperations.ZeroMemory(master);
        return generation;
    }

    /// <summary>From now on this generation seals; the earlier ones still open.</summary>
    public void Use(KeyGeneration generation) =>
        _generations = [generation, .. _generations.Where(other => other.Id != generation.Id)];

    private static bool Opens(KeyGeneration generation, string check) =>
        generation.Open(SecretPurpose.ProviderSecrets, CheckAad, check) is not null;
}
