using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Secrets;

/// <summary>
/// The master key in the data folder while it is changed. The next key is on disk before the database is written with it, and takes the
/// place of the current one afterwards. A process that ends in between leaves both, and the next start finds out which one holds.
/// </summary>
internal static class StagedKey
{
    /// <summary>The key before the last change, for backups made before it.</summary>
    public const string OldFileName = "master.key.old";

    private const string NextFileName = "master.key.next";

    public static void Write(DataFolder folder, byte[] key) =>
        folder.WriteDurably(NextFileName, Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));

    /// <summary>The database is written with the next key: it becomes the current one. Repeatable until it is done.</summary>
    public static void Promote(DataFolder folder)
    {
        var current = folder.File(MasterKey.FileName);
        if (File.Exists(current))
        {
            folder.WriteDurably(OldFileName, File.ReadAllBytes(current));
        }

        File.Move(folder.File(NextFileName), current, overwrite: true);
        DurableFiles.SyncFolder(folder.Path);
    }

    /// <summary>The database keeps the current key.</summary>
    public static void Drop(DataFolder folder) => File.Delete(folder.File(NextFileName));

    /// <summary>Finishes or undoes a change that was interrupted; nothing when there was none.</summary>
    /// <param name="holds">Whether the database is written with this key.</param>
    public static void Settle(DataFolder folder, Func<byte[], bool> holds)
    {
        var path = folder.File(NextFileName);
        if (!File.Exists(path))
        {
            return;
        }

        if (MasterKey.Parse(File.ReadAllBytes(path)) is { } next && holds(next))
        {
            Promote(folder);
        }
        else
        {
            Drop(folder);
        }
    }
}
