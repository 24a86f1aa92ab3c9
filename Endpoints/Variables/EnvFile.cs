using AiChat.Data;

namespace AiChat.Endpoints.Variables;

/// <summary>
/// Files of variables: those that the operator names, else .env in the working directory, as docker compose does. What others may have
/// written there is not believed, because a variable decides whose keys and whose database the server uses.
/// </summary>
internal static class EnvFile
{
    private const string Implicit = ".env";
    private const int MaxLength = 1024 * 1024;

    /// <summary>The environment of this process and the files.</summary>
    /// <param name="named">Paths of files; the last wins. Null or empty takes .env in the working directory, when there is one.</param>
    /// <exception cref="StartupException">A named file is missing, or one is no file of variables or not to be believed.</exception>
    public static EnvironmentValues Load(IReadOnlyList<string>? named)
    {
        var paths = named is { Count: > 0 } ? named : [Implicit];
        var layers = new List<ValueLayer> { ValueLayer.Process() };
        var notes = new List<string>();
        foreach (var path in paths.Reverse())
        {
            var full = Path.GetFullPath(path);
            if (named is not { Count: > 0 } && !File.Exists(full))
            {
                if (Directory.Exists(full))
                {
                    notes.Add($"{full} is a folder and was not read; a container engine makes one where the file to mount is missing.");
                }

                continue;
            }

            var values = Read(full, notes);
            layers.Add(new ValueLayer(full, values.GetValueOrDefault) { Names = [.. values.Keys] });
        }

        return new EnvironmentValues(layers) { Notes = notes };
    }

    private static Dictionary<string, string> Read(string path, List<string> notes)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[MaxLength + 1];
            var count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (count > 0)
            {
                JudgeWriters(stream, path, notes);
            }

            var text = count > MaxLength ? throw Wrong(path, $"is larger than {MaxLength / 1024} KiB")
                : ValueText.Decode(bytes[..count]) ?? throw Wrong(path, "is not a text in UTF-8");
            return EnvFileText.Parse(text);
        }
        catch (EnvFileException error)
        {
            throw Wrong(path, $"cannot be understood: {error.Message}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Wrong(path, ValueText.WhyUnreadable(path));
        }
    }

    /// <summary>A file that somebody else may have written is refused; the own one that others may write is only told of.</summary>
    private static void JudgeWriters(FileStream stream, string path, List<string> notes)
    {
        if (!stream.CanSeek)
        {
            return; // a pipe, such as the output of a program that decrypts
        }

        var real = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        var owner = Ownership.Of(real)?.User ?? 0;
        var isOwn = owner == Ownership.Process.User || owner == 0;
        var anybody = File.GetUnixFileMode(stream.SafeFileHandle).HasFlag(UnixFileMode.OtherWrite);
        if (anybody && !isOwn)
        {
            throw Wrong(path, $"belongs to user {owner} and can be written by everybody; run: chmod o-w {real}");
        }

        if (!isOwn && File.GetUnixFileMode(Path.GetDirectoryName(real)!).HasFlag(UnixFileMode.OtherWrite))
        {
            throw Wrong(path, $"belongs to user {owner}, in a folder that everybody can write; start in a folder of your own");
        }

        if (anybody)
        {
            notes.Add($"Everybody on this machine can write {real}; run: chmod o-w {real}");
        }
    }

    private static StartupException Wrong(string path, string reason) => new(
        StartupException.Configuration,
        $"The file of variables {path} {reason}.{(Path.GetFileName(path) == Implicit
            ? " If it belongs to another program, start with --env-file and a file of your own, or /dev/null for none." : "")}");
}
