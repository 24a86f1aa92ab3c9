using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Data;

/// <summary>
/// The one folder that holds everything the server writes. Opening takes its lock (released by the system when the
/// process ends, however it ends) and proves that it can be written; a second process gets a <see cref="StartupException"/>.
/// </summary>
internal sealed class DataFolder : IDisposable
{
    private const int WouldBlock = 11; // EAGAIN: another process holds the lock
    public const string MarkerName = "instance.json";

    /// <summary>Is in folders of servers on PostgreSQL alone.</summary>
    private const string NodeIdName = "node-id";
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly FileStream _lock;

    private DataFolder(string path, string databasePath, FileStream @lock)
    {
        Path = path;
        DatabasePath = databasePath;
        _lock = @lock;
    }

    public string Path { get; }

    /// <summary>The file itself, where a link stands at its place.</summary>
    public string DatabasePath { get; }

    /// <summary>Takes the folder for this process, creating it (mode 0700) when it is missing.</summary>
    /// <exception cref="StartupException">It cannot be used, or another process holds it.</exception>
    public static DataFolder Open(string path, string? databasePath) => TryOpen(path, databasePath)
        ?? throw InUse(path, "Stop that one first, or let this one wait for its end with AICHAT_WAIT_FOR_FOLDER=60.");

    /// <summary>As <see cref="Open"/>; null while another process holds the folder.</summary>
    /// <exception cref="StartupException">It cannot be used.</exception>
    public static DataFolder? TryOpen(string path, string? databasePath)
    {
        var full = System.IO.Path.GetFullPath(path);
        RefuseFile(full);
        var at = full;
        try
        {
            DurableFiles.CreateFolder(full);
            RefuseNetworkFileSystem(full);
            var database = System.IO.Path.GetFullPath(databasePath ?? System.IO.Path.Combine(full, "app.db"));
            // SQLite puts its log beside the file that a link leads to.
            database = new FileInfo(database) is { LinkTarget: not null } link
                ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : database;
            at = System.IO.Path.Combine(full, "lock");
            if (TakeLock(at) is not { } held)
            {
                return null;
            }

            at = full;
            var folder = new DataFolder(full, database, held);
            folder.ProveWritable();
            folder.WritePid();
            return folder;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var advice = FolderRights.Advice(System.IO.File.Exists(at) ? at : full);
            throw new StartupException(
                StartupException.Configuration, $"Cannot write the data folder {full}: {error.Message.TrimEnd('.')}. {advice}");
        }
    }

    /// <summary>Whether another process holds a folder that is there.</summary>
    /// <exception cref="UnauthorizedAccessException">This user may not look.</exception>
    public static bool IsHeld(string folder)
    {
        var path = System.IO.Path.Combine(folder, "lock");
        if (!System.IO.File.Exists(path))
        {
            return false;
        }

        using var taken = TakeLock(path);
        return taken is null;
    }

    /// <summary>The refusal while another process holds the folder.</summary>
    public static StartupException InUse(string path, string advice)
    {
        var full = System.IO.Path.GetFullPath(path);
        var pid = System.IO.Path.Combine(full, "pid");
        string holder;
        try
        {
            holder = System.IO.File.ReadAllText(pid).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            holder = "unknown";
        }

        return new StartupException(
            StartupException.TemporaryFailure, $"The data folder {full} is in use by another AiChat process (PID {holder}). {advice}");
    }

    /// <summary>A path directly below the folder; the name comes from code, never from input.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Creates a file with mode 0600, complete and on disk, or not at all. An existing file is replaced.</summary>
    public void WriteDurably(string name, ReadOnlySpan<byte> content) => DurableFiles.Replace(File(name), content);

    /// <summary>
    /// Guards against starting over where data was: an installation that has been used before must have its database.
    /// Call before the database is opened; <paramref name="initialize"/> allows the fresh start on purpose.
    /// </summary>
    public InstanceMarker OpenInstance(TimeProvider clock, bool initialize)
    {
        var marker = File(MarkerName);
        var database = new FileInfo(DatabasePath);
        if (System.IO.File.Exists(marker))
        {
            if ((!database.Exists || database.Length == 0) && !initialize)
            {
                if (System.IO.File.Exists(DatabasePath + MoveMark.FileEnding))
                {
                    throw new StartupException(
                        StartupException.Configuration,
                        $"The database {DatabasePath} is not complete: its move was interrupted. Give aichat migrate-store again, which "
                        + "goes on where it stopped.");
                }

                throw new StartupException(
                    StartupException.Configuration,
                    System.IO.File.Exists(File(NodeIdName))
                        ? $"The data of the folder {Path} is on PostgreSQL; name its database in DATABASE_URL."
                        : $"The database {DatabasePath} is {(database.Exists ? "empty" : "missing")}, but this folder has held one. "
                            + "Put it back or restore a backup; start with --init only to begin anew.");
            }

            return ReadMarker();
        }

        return new InstanceMarker(Guid.NewGuid().ToString("N"), clock.GetUtcNow().ToUnixTimeMilliseconds());
    }

    /// <summary>
    /// Records that the folder holds an installation. Call once its database is there: a first start that fails before leaves a folder in
    /// which the second begins anew.
    /// </summary>
    public void SaveInstance(InstanceMarker instance)
    {
        if (!System.IO.File.Exists(File(MarkerName)))
        {
            WriteDurably(MarkerName, JsonSerializer.SerializeToUtf8Bytes(instance, DataJson.Default.InstanceMarker));
        }
    }

    /// <summary>Makes this folder one of an installation whose database is on a server.</summary>
    /// <exception cref="StartupException">It belongs to another one.</exception>
    public void Join(InstanceMarker instance)
    {
        if (System.IO.File.Exists(File(MarkerName)) && ReadMarker() is var known && known.InstallId != instance.InstallId)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The folder {Path} belongs to another installation than the database. Name the folder of this one, or an empty one, "
                + "as DATA_DIR.");
        }

        SaveInstance(instance);
    }

    /// <summary>
    /// Names this folder among those of several servers on one database, wherever a copy of it may be: the machine and the path count too.
    /// </summary>
    public string NodeId()
    {
        if (!System.IO.File.Exists(File(NodeIdName)))
        {
            WriteDurably(NodeIdName, Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N")));
        }

        var id = System.IO.File.ReadAllText(File(NodeIdName)).Trim();
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{id}\n{Environment.MachineName}\n{Path}")));
    }

    /// <summary>
    /// Records whether there has been an account: then a database without any is not the one that was here. Without room for it the next
    /// start records it.
    /// </summary>
    public void MarkInUse(InstanceMarker instance, bool isInUse)
    {
        try
        {
            if (OpenInstance(TimeProvider.System, initialize: true).InUse != isInUse)
            {
                var marker = instance with { InUse = isInUse };
                WriteDurably(MarkerName, JsonSerializer.SerializeToUtf8Bytes(marker, DataJson.Default.InstanceMarker));
            }
        }
        catch (IOException)
        {
            // The account is made; only this guard is missing until the next start.
        }
    }

    public void Dispose() => _lock.Dispose();

    private InstanceMarker ReadMarker()
    {
        var marker = File(MarkerName);
        try
        {
            return JsonSerializer.Deserialize(System.IO.File.ReadAllBytes(marker), DataJson.Default.InstanceMarker)
                ?? throw new JsonException("empty");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            var advice = error is UnauthorizedAccessException ? " " + FolderRights.Advice(marker) : "";
            throw new StartupException(StartupException.Configuration, $"{marker} cannot be read: {error.Message}{advice}");
        }
    }

    private static FileStream? TakeLock(string path)
    {
        try
        {
            return new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = OwnerFile,
            });
        }
        catch (IOException error) when (error.HResult == WouldBlock)
        {
            return null;
        }
    }

    /// <summary>The lock file itself is unreadable to others while it is held, so the number stands beside it.</summary>
    private void WritePid()
    {
        var pid = File("pid");
        System.IO.File.Delete(pid);
        System.IO.File.WriteAllText(pid, Environment.ProcessId.ToString());
        System.IO.File.SetUnixFileMode(pid, OwnerFile);
    }

    private static void RefuseFile(string folder)
    {
        var there = folder;
        while (!System.IO.Path.Exists(there) && System.IO.Path.GetDirectoryName(there) is { } above)
        {
            there = above;
        }

        if (System.IO.File.Exists(there))
        {
            throw new StartupException(
                StartupException.Configuration, $"The data folder {folder} cannot be there: {there} is a file. Name a folder as DATA_DIR.");
        }
    }

    private static void RefuseNetworkFileSystem(string folder)
    {
        // SQLite's locks and shared memory do not work over these.
        string format;
        try
        {
            format = new DriveInfo(folder).DriveFormat;
        }
        catch (DriveNotFoundException)
        {
            return; // In a chroot that is not a mount point the system lists no drive for the folder.
        }

        if (format is "nfs" or "nfs4" or "cifs" or "smb" or "smb2" or "smbfs")
        {
            throw new StartupException(
                StartupException.Configuration, $"The data folder {folder} is on a network file system ({format}); use a local disk.");
        }
    }

    private void ProveWritable()
    {
        WriteDurably("probe", [1]);
        System.IO.File.Delete(File("probe"));
    }
}

/// <summary>Names this installation; it exists from the first start on.</summary>
/// <param name="InUse">There has been an account.</param>
internal sealed record InstanceMarker(string InstallId, long CreatedAt, bool InUse = false);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(InstanceMarker))]
internal sealed partial class DataJson : JsonSerializerContext;
