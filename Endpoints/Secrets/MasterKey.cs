using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Endpoints.Variables;

namespace AiChat.Endpoints.Secrets;

/// <summary>Finds the 32 bytes from which all keys are derived: in a named file, in the environment, or in the data folder.</summary>
internal static class MasterKey
{
    public const string FileName = "master.key";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Null when no key is configured and the data folder holds none yet.</summary>
    /// <exception cref="StartupException">The key is malformed, unreadable, or readable by others.</exception>
    public static byte[]? Find(DataFolder folder, ServerOptions options)
    {
        if (options.MasterKeyFile is { } named)
        {
            var isOurs = Path.GetFullPath(named).StartsWith(folder.Path + "/", StringComparison.Ordinal);
            return FromFile(named, $"AICHAT_MASTER_KEY_FILE is wrong: the file {named}", isOurs);
        }

        if (options.MasterKey is { } text)
        {
            return SecretRules.DecodeKey(text) ?? throw Wrong("AICHAT_MASTER_KEY is wrong: it");
        }

        var path = folder.File(FileName);
        return File.Exists(path) ? FromFile(path, $"The master key {path} is wrong: it", isOurs: true) : null;
    }

    public static byte[] Create(DataFolder folder)
    {
        var key = RandomNumberGenerator.GetBytes(SecretRules.KeyLength);
        folder.WriteDurably(FileName, Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
        return key;
    }

    /// <param name="name">How a sentence about it begins.</param>
    /// <param name="isOurs">It stands in the data folder. One that the operator names may be open to all, as Docker's secrets are.</param>
    private static byte[] FromFile(string path, string name, bool isOurs)
    {
        try
        {
            if (isOurs)
            {
                RefuseOthers(path);
            }

            return File.ReadAllBytes(path) is { Length: > 0 } content
                ? Parse(content) ?? throw Wrong(name)
                : throw new StartupException(StartupException.Configuration, $"The master key {path} is empty.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The master key {path} cannot be read: {error.Message.TrimEnd('.')}. {FolderRights.Advice(path)}");
        }
    }

    private static void RefuseOthers(string path)
    {
        var others = File.GetUnixFileMode(path) & ~OwnerOnly;
        var isForGroup = others.HasFlag(UnixFileMode.GroupRead) && (others & ~FolderMode.Group) == 0;
        if (others != 0 && !(isForGroup && FolderMode.IsSharedByGroup(path)))
        {
            throw new StartupException(
                StartupException.Configuration, $"The master key {path} can be read by others; run: chmod 600 {path}");
        }
    }

    /// <summary>Null when the content is not 32 bytes, raw or as base64 or hex.</summary>
    public static byte[]? Parse(byte[] content) => content.Length == SecretRules.KeyLength ? content
        : ValueText.Decode(content) is { } text ? SecretRules.DecodeKey(ValueText.Clean(text)) : null;

    private static StartupException Wrong(string name) => new(StartupException.Configuration, $"{name} {SecretRules.KeyRule}");
}
