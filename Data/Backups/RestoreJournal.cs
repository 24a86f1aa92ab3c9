using System.Text.Json;

namespace AiChat.Data.Backups;

/// <summary>One file or folder that a restore puts in the place of another.</summary>
/// <param name="Live">Where the server looks.</param>
/// <param name="Fresh">What comes there; null for nothing.</param>
/// <param name="Kept">Where what was there goes.</param>
internal sealed record Exchange(string Live, string? Fresh, string Kept);

/// <summary>
/// The moment at which a restore is decided. Before this file is in the data folder, everything is as it was; from then on every step can
/// be taken again, and the next command or start takes those that are left. So a restore that was killed leaves the old state or the new
/// one. All changes are renames within one mount, because a folder that is a mount itself cannot be renamed.
/// </summary>
/// <param name="Kept">The folder with what was replaced.</param>
/// <param name="Exchanges">In the order in which they are made.</param>
/// <param name="Leftovers">Folders to remove afterwards.</param>
internal sealed record RestoreJournal(string Kept, IReadOnlyList<Exchange> Exchanges, IReadOnlyList<string> Leftovers)
{
    public const string FileName = "restore.json";

    /// <summary>In the folder of each mount: what a restore prepares.</summary>
    public const string StageName = "restore-new";

    /// <summary>Decides: from here on the restore is completed, by this process or the next.</summary>
    public void Decide(string dataFolder) => DurableFiles.Replace(
        Path.Combine(dataFolder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.RestoreJournal));

    /// <summary>
    /// Completes a restore that was decided, or removes what one prepared that was not. Call it while the folder's lock is held, before
    /// anything is opened.
    /// </summary>
    /// <returns>The folder with what was replaced, when a restore was completed now; else null.</returns>
    /// <exception cref="StartupException">A part is out of reach, such as a folder that is not mounted now.</exception>
    public static string? Settle(string dataFolder, params string?[] otherFolders)
    {
        var path = Path.Combine(dataFolder, FileName);
        try
        {
            if (!File.Exists(path))
            {
                foreach (var folder in otherFolders.Prepend(dataFolder).OfType<string>())
                {
                    BackupShelf.DeleteFolder(Path.Combine(folder, StageName));
                }

                File.Delete(path + ".new");
                return null;
            }

            var journal = JsonSerializer.Deserialize(File.ReadAllBytes(path), BackupJson.Default.RestoreJournal)
                ?? throw new JsonException("it is empty");
            journal.Complete(dataFolder);
            return Path.Combine(dataFolder, journal.Kept);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"A restore into {dataFolder} was interrupted and cannot be completed: {error.Message.TrimEnd('.')}. Start again when all "
                    + "its folders are mounted and can be written.",
                error);
        }
    }

    /// <summary>Takes the steps that are left, makes them durable, and forgets the restore.</summary>
    public void Complete(string dataFolder)
    {
        string Full(string path) => Path.Combine(dataFolder, path);
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var exchange in Exchanges)
        {
            var (live, kept) = (Full(exchange.Live), Full(exchange.Kept));
            var fresh = exchange.Fresh is { } name ? Full(name) : null;
            var isOver = fresh is not null && !Path.Exists(fresh);
            if (isOver && !Path.Exists(live))
            {
                throw new IOException($"{live} is missing, and so is {fresh}, which was to come there");
            }

            if (!isOver && Path.Exists(live) && !Path.Exists(kept))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(kept)!, OwnerFolder);
                Move(live, kept, touched);
                touched.Add(Path.GetDirectoryName(Path.GetDirectoryName(kept)!)!); // the name of the folder that keeps it
            }

            if (!isOver && fresh is not null)
            {
                Move(fresh, live, touched);
            }
        }

        foreach (var folder in touched.Where(Directory.Exists))
        {
            DurableFiles.SyncFolder(folder);
        }

        File.Delete(Path.Combine(dataFolder, FileName));
        DurableFiles.SyncFolder(dataFolder);
        foreach (var left in Leftovers)
        {
            BackupShelf.DeleteFolder(Full(left));
        }
    }

    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static void Move(string from, string to, HashSet<string> touched)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to);
        }

        touched.Add(Path.GetDirectoryName(from)!);
        touched.Add(Path.GetDirectoryName(to)!);
    }
}
