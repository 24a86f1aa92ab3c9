using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;

namespace AiChat.Endpoints.Secrets;

/// <summary>How a change of the master key ended.</summary>
/// <param name="Replaced">Secrets that the new key opens now; the proof of the key is not one.</param>
/// <param name="Left">Texts that the old key did not open either.</param>
/// <param name="KeyFile">The file of the new key in the data folder; null when the operator has the key elsewhere.</param>
internal sealed record KeyChange(int Replaced, int Left, string? KeyFile);

/// <summary>
/// Changes the master key while the server runs. All texts are sealed anew in one transaction. Access tokens and signed links of the old
/// key end with it; logins go on, because they are renewed by random tokens.
/// </summary>
internal sealed class KeyRotation(
    SecretCipher cipher, SealedTexts texts, DataFolder folder, ServerOptions options, TimeProvider clock) : IDisposable
{
    private const int Length = 32;

    private readonly SemaphoreSlim _changing = new(1);
    /// <summary>The key is not in the data folder, so the operator brings the new one and puts it in place.</summary>
    public bool IsKeptElsewhere => options.MasterKey is not null || options.MasterKeyFile is not null;

    /// <summary>The key in a text of base64 or hex; null when it is not one.</summary>
    public static byte[]? Parse(string text) => MasterKey.Parse(Encoding.UTF8.GetBytes(text));

    /// <param name="given">The new key; null makes one, which needs the data folder to keep it.</param>
    /// <exception cref="StoreException">Nothing has changed; after Unavailable the next start finds out.</exception>
    public async Task<KeyChange> Change(byte[]? given, AuditEntry audit)
    {
        await _changing.WaitAsync();
        try
        {
            var key = given ?? RandomNumberGenerator.GetBytes(Length);
            if (!IsKeptElsewhere)
            {
                StagedKey.Write(folder, key);
            }

            var before = cipher.Current;
            var next = cipher.Generation(key);
            cipher.Use(next); // first, so that what is sealed from here on fits what is written below
            (int Replaced, int Left) counts;
            try
            {
                counts = await texts.Replace((column, row) => Reseal(cipher, next, column, row), audit, clock.GetUtcNow());
            }
            catch (StoreException error)
            {
                cipher.Use(before);
                if (error.Failure != StoreFailure.Unavailable && !IsKeptElsewhere)
                {
                    StagedKey.Drop(folder);
                }

                throw;
            }

            if (!IsKeptElsewhere)
            {
                StagedKey.Promote(folder);
            }

            return new KeyChange(counts.Replaced - 1, counts.Left, IsKeptElsewhere ? null : folder.File(MasterKey.FileName));
        }
        finally
        {
            _changing.Release();
        }
    }

    public void Dispose() => _changing.Dispose();

    private static string? Reseal(SecretCipher cipher, KeyGeneration next, SealedColumn column, SealedText row)
    {
        var purpose = Enum.Parse<SecretPurpose>(column.Purpose);
        var place = $"{column.Table}|{column.Column}|{row.Name}|v1";
        return cipher.Open(purpose, place, row.Text) is { } text ? next.Seal(purpose, place, text) : null;
    }
}
