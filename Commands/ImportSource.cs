using AiChat.Data;
using AiChat.Data.Sqlite;

namespace AiChat.Commands;

/// <summary>
/// Finds the database of the Node.js platform and the folders of its images: a file, a data folder or volume, a checkout, or the folder
/// that holds the copies of its volumes. Where there is none, it may be exported chats. Nothing there is changed.
/// </summary>
internal sealed class ImportSource : IDisposable
{
    private const int MaxDepth = 6;
    private const int MaxEntries = 20_000;

    /// <summary>Where the images are, seen from the folder of the database or one above it.</summary>
    private static readonly string[] ImagePlaces =
    [
        "chat-images", "storage/chat-images", "images", "_data", "chat-images/_data", "backend_images", "backend_images/_data",
        "ai_chat_web_ui_images", "ai_chat_web_ui_images/_data", "images/_data", "packages/backend/storage/chat-images",
    ];

    private readonly string _path;

    private readonly string? _unpacked;

    private string? _packed;

    private ImportSource(string path, string? database, IReadOnlyList<string> imageFolders, string? unpacked = null)
    {
        _path = path;
        Database = database;
        ImageFolders = imageFolders;
        _unpacked = unpacked;
    }

    /// <summary>Null when there is none.</summary>
    public string? Database { get; }

    /// <summary>
    /// What may be exported chats, as one file that a server takes: the file itself, or a zip of the folder or the tar, which is removed
    /// with this object.
    /// </summary>
    public string OneFile(CancellationToken cancel)
    {
        var folder = Directory.Exists(_path) ? _path : _unpacked;
        if (folder is null)
        {
            return _path;
        }

        using var rights = Ownership.AsStarted();
        _packed = Path.Combine(TemporaryFolder(), $"aichat-import-{Guid.NewGuid():N}.zip");
        ImportArchive.Pack(folder, _packed, cancel);
        return _packed;
    }

    /// <summary>Folders that may hold the images, the likeliest first.</summary>
    public IReadOnlyList<string> ImageFolders { get; }

    /// <exception cref="CommandException">There is nothing at the path, or more than one database.</exception>
    public static ImportSource Find(string path, string? images, CancellationToken cancel)
    {
        var full = Path.GetFullPath(path);
        if (images is not null && !Directory.Exists(images))
        {
            throw new CommandException("not_found", $"There is no folder {Path.GetFullPath(images)}.");
        }

        if (Directory.Exists(full))
        {
            var database = Choose(full, full);
            return new ImportSource(full, database, Folders(database, images, full));
        }

        if (!File.Exists(full))
        {
            throw new CommandException("not_found", $"There is no file {full}.");
        }

        if (IsOurs(full))
        {
            throw new CommandException(
                "not_supported", $"{full} is a database of AiChat itself. Its data folder is moved as a whole, or by a backup.");
        }

        if (ForeignFile.IsDatabase(full))
        {
            return new ImportSource(full, full, Folders(full, images, Path.GetDirectoryName(full)!));
        }

        if (ImportArchive.IsArchive(full) && ImportArchive.Unpack(full, TemporaryFolder(), cancel) is { } folder)
        {
            try
            {
                var database = Choose(folder, full);
                return new ImportSource(full, database, Folders(database, images, folder), folder);
            }
            catch
            {
                Directory.Delete(folder, recursive: true);
                throw;
            }
        }

        return new ImportSource(full, null, []);
    }

    /// <summary>On a disk, where there is one: /tmp often is memory.</summary>
    public static string TemporaryFolder() => Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } chosen ? chosen
        : CanWrite("/var/tmp") ? "/var/tmp"
        : Path.GetTempPath();

    /// <summary>Opens a file of the source, while the other platform may still run.</summary>
    public static FileStream OpenFile(string path)
    {
        using var rights = Ownership.AsStarted();
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>The file of an image; null when it is not there, or its path leads out of the folder.</summary>
    public string? ImageFile(string? relative)
    {
        var plain = relative?.Replace('\\', '/').TrimStart('/') ?? "";
        if (plain.Length == 0 || plain.Split('/').Contains(".."))
        {
            return null;
        }

        // Some versions keep the path below the public path.
        string[] forms = plain.StartsWith("chat-images/", StringComparison.Ordinal) ? [plain, plain["chat-images/".Length..]] : [plain];
        using var rights = Ownership.AsStarted();
        return ImageFolders.SelectMany(folder => forms.Select(form => Path.Combine(folder, form))).FirstOrDefault(File.Exists);
    }

    /// <summary>Folders that may hold the files of its task traces.</summary>
    public IReadOnlyList<string> LogFolders(string? named)
    {
        using var rights = Ownership.AsStarted();
        return [.. new[] { named, _unpacked, _path }
            .Concat(Database is null ? [] : Above(Database).Select(folder => Path.Combine(folder, "logs")))
            .OfType<string>().Distinct().Where(Directory.Exists)];
    }

    public void Dispose()
    {
        using var rights = Ownership.AsStarted(); // who made them removes them
        if (_unpacked is not null)
        {
            Directory.Delete(_unpacked, recursive: true);
        }

        if (_packed is not null)
        {
            File.Delete(_packed);
        }
    }

    private static string? Choose(string folder, string named)
    {
        var found = Databases(folder).ToList();
        return found.Count > 1
            ? throw new CommandException(
                "ambiguous", $"{named} holds several databases; name one of them: {string.Join(", ", found.Take(10))}")
            : found.FirstOrDefault();
    }

    private static IEnumerable<string> Databases(string folder)
    {
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = MaxDepth,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        return Directory.EnumerateFiles(folder, "*", options).Take(MaxEntries)
            .Where(path => Path.GetExtension(path).ToLowerInvariant() is ".db" or ".sqlite" or ".sqlite3" or ".bak" or "")
            .Where(path => !path.Contains("/node_modules/", StringComparison.Ordinal))
            .Where(path => IsReadable(path) && ForeignFile.IsDatabase(path) && ForeignFile.Mentions(path, "chat_sessions"));
    }

    private static bool IsReadable(string path)
    {
        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete).Dispose();
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsOurs(string path) => ForeignFile.IsDatabase(path) && ForeignFile.IsOurs(path);

    private static List<string> Folders(string? database, string? images, string top)
    {
        if (database is null)
        {
            return [];
        }

        var folders = new List<string>();
        foreach (var root in new[] { images }.OfType<string>().Select(Path.GetFullPath))
        {
            folders.Add(root);
            folders.AddRange(ImagePlaces.Select(place => Path.Combine(root, place)));
        }

        foreach (var at in Above(database))
        {
            folders.AddRange(ImagePlaces.Select(place => Path.Combine(at, place)));
        }

        folders.AddRange(ImagePlaces.Select(place => Path.Combine(top, place)));
        folders.Add(Path.GetDirectoryName(database)!);
        return [.. folders.Distinct().Where(Directory.Exists)];
    }

    private static IEnumerable<string> Above(string database)
    {
        for (var (at, level) = (Path.GetDirectoryName(database), 0); at is not null && level < 4; at = Path.GetDirectoryName(at), level++)
        {
            yield return at;
        }
    }

    private static bool CanWrite(string folder)
    {
        try
        {
            File.Create(Path.Combine(folder, $"aichat-{Guid.NewGuid():N}"), 1, FileOptions.DeleteOnClose).Dispose();
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
