using System.Security.Cryptography;
using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Secrets;

/// <summary>Finds the 32 bytes from which all keys are derived: in a named file, in the environment, or in the data folder.</summary>
internal static class MasterKey
{
    public const string FileName = "master.key";

    private const int Length = 32;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Null when no key is configured and the data folder holds none yet.</summary>
    /// <exception cref="StartupException">The key is malformed, unreadable, or readable by others.</exception>
    public static byte[]? Find(DataFolder folder, ServerOptions options)
    {
        if (options.MasterKeyFile is { } named)
        {
            return FromFile(named, "AICHAT_MASTER_KEY_FILE");
        }

        if (options.MasterKey is { } text)
        {
            return Parse(Encoding.ASCII.GetBytes(text)) ?? throw Wrong("AICHAT_MASTER_KEY");
        }

        var path = folder.File(FileName);
        return File.Exists(path) ? FromFile(path, path) : null;
    }

    public static byte[] Create(DataFolder folder)
    {
        var key = RandomNumberGenerator.GetBytes(Length);
        folder.WriteDurably(FileName, Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
        return key;
    }

    private static byte[] FromFile(string path, string name)
    {
        try
        {
            if ((File.GetUnixFileMode(path) & ~OwnerOnly) != 0)
            {
                throw new StartupException(
                    StartupException.Configuration, $"The master key {path} can be read by others; run: chmod 600 {path}");
            }

            return Parse(File.ReadAllBytes(path)) ?? throw Wrong(name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The master key {path} cannot be read: {error.Message.TrimEnd('.')}. {FolderRights.Advice(path)}");
        }
    }

    /// <summary>Null when the content is not 32 bytes, raw or as base64 or hex.</summary>
    public static byte[]? Parse(byte[] content)
    {
        if (content.Length == Length)
        {
            return content;
        }

        var text = Encoding.ASCII.GetString(content).Trim();
        if (text.Length == 2 * Length && text.All(char.IsAsciiHexDigit))
        {
            return Convert.FromHexString(text);
        }

        var key = new byte[Length];
        return Convert.TryFromBase64String(text, key, out var written) && written == Length ? key : null;
    }

    private static StartupException Wrong(string name) => new(
        StartupException.Configuration, $"{name} is wrong: it holds 32 bytes as base64 or hex, as made by: openssl rand -base64 32");
}
