using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Data.Catalog;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Secrets;

namespace AiChat.Commands;

/// <summary>Which master key the restored database has, and what follows for what it encrypts.</summary>
/// <param name="State"><c>found</c>, <c>missing</c>, or <c>unneeded</c> when nothing was ever encrypted.</param>
/// <param name="Unreadable">How many texts only the missing key opens.</param>
/// <param name="Advice">Lines for the operator.</param>
internal sealed record RestoredKey(string State, int Unreadable, IReadOnlyList<string> Advice)
{
    /// <summary>Looks for the key that opens the database, and puts it in its place among what was prepared.</summary>
    /// <param name="given">The one that the operator names; null for none.</param>
    /// <exception cref="CommandException">The named key or the passphrase is wrong.</exception>
    public static RestoredKey Find(
        Restore restore, BackupManifest manifest, DataFolder folder, ServerOptions options, byte[]? given, string? passphraseFile)
    {
        if (DetachedDatabase.Read(restore.PreparedDatabase, KeyCheck.Value) is not { } check)
        {
            return new RestoredKey("unneeded", 0, []);
        }

        bool Opens(byte[]? key) => key is not null && new KeyGeneration(key, manifest.Instance.InstallId, null)
            .Open(SecretPurpose.ProviderSecrets, SecretCipher.CheckAad, check) is not null;

        if (given is not null && !Opens(given))
        {
            throw new CommandException("wrong_key", "The key of --key-file is not the one of this backup. Nothing was changed.");
        }

        var isElsewhere = options.MasterKey is not null || options.MasterKeyFile is not null;
        var current = Current(folder, options);
        if (Opens(current) && given is null)
        {
            return new RestoredKey("found", 0, []);
        }

        var found = given ?? Inside(restore, passphraseFile) ?? Old(folder);
        if (Opens(found))
        {
            restore.AddFile(MasterKey.FileName, Encoding.ASCII.GetBytes(Convert.ToBase64String(found!) + "\n"));
            return new RestoredKey("found", 0, isElsewhere && !Opens(current)
                ? [$"The server is given another key by AICHAT_MASTER_KEY or AICHAT_MASTER_KEY_FILE. Give it the one that is in "
                    + $"{folder.File(MasterKey.FileName)} now, or none."]
                : []);
        }

        return Without(restore, isEmpty: current is null);
    }

    /// <summary>The start would refuse a key that is not the database's; so it gets a new one, and the old secrets stay closed.</summary>
    private static RestoredKey Without(Restore restore, bool isEmpty)
    {
        var count = DetachedDatabase.Read(restore.PreparedDatabase, SealedTexts.Count) - 1;
        DetachedDatabase.Write(restore.PreparedDatabase, KeyCheck.Forget);
        if (isEmpty)
        {
            var key = RandomNumberGenerator.GetBytes(32);
            restore.AddFile(MasterKey.FileName, Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
        }

        return new RestoredKey("missing", count, count == 0 ? [] :
        [
            $"The master key of this backup is not here, so {count} encrypted {(count == 1 ? "text" : "texts")} (keys of providers, links "
                + "of shares) cannot be read.",
            "Enter the keys again on the page, or restore once more with the old key: --key-file FILE.",
        ]);
    }

    private static byte[]? Current(DataFolder folder, ServerOptions options)
    {
        try
        {
            return MasterKey.Find(folder, options);
        }
        catch (StartupException error)
        {
            Terminal.Complain(error.Message);
            return null;
        }
    }

    private static byte[]? Inside(Restore restore, string? passphraseFile)
    {
        if (restore.Extra(BackupPaths.PlainKey) is { } plain)
        {
            return MasterKey.Parse(plain);
        }

        if (restore.Extra(BackupPaths.SealedKey) is not { } text)
        {
            return null;
        }

        var passphrase = BackupCommand.Passphrase(passphraseFile, repeat: false);
        return JsonSerializer.Deserialize(text, BackupJson.Default.SealedKey)?.Open(passphrase)
            ?? throw new CommandException("wrong_passphrase", "The passphrase is wrong. Nothing was changed.");
    }

    /// <summary>The key before its last change, with which earlier backups were made.</summary>
    private static byte[]? Old(DataFolder folder)
    {
        var path = folder.File(StagedKey.OldFileName);
        return File.Exists(path) ? MasterKey.Parse(File.ReadAllBytes(path)) : null;
    }
}
