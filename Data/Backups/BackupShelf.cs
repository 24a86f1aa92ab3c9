using System.Text.Json;

namespace AiChat.Data.Backups;

/// <summary>
/// The folder of backups. One is a folder with a manifest: it has its name only when it is complete and on disk, and loses it before
/// anything in it is removed. Thread-safe.
/// </summary>
internal sealed class BackupShelf(string folder)
{
    private const string Unfinished = ".new-";
    private const string Leaving = ".gone-";
    private const string StateName = ".state.json";
    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _used = new(StringComparer.Ordinal);
    private BackupState? _state;

    public string Folder => folder;

    /// <summary>All backups, the newest first.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IReadOnlyList<ShelvedBackup> List() => !Directory.Exists(folder) ? [] :
    [
        .. Directory.EnumerateDirectories(folder)
            .Where(path => BackupPaths.IsName(Path.GetFileName(path)) && File.Exists(Path.Combine(path, BackupManifest.FileName)))
            .Select(Look).OrderByDescending(backup => backup.CreatedAt).ThenByDescending(backup => backup.Name, StringComparer.Ordinal),
    ];

    /// <summary>Null when there is none of this name.</summary>
    public ShelvedBackup? Find(string name)
    {
        var path = Path.Combine(folder, name);
        return BackupPaths.IsName(name) && File.Exists(Path.Combine(path, BackupManifest.FileName)) ? Look(path) : null;
    }

    /// <summary>Holds a backup against its removal until the result is disposed of; null when there is none of this name.</summary>
    public IDisposable? Use(string name)
    {
        lock (_gate)
        {
            if (Find(name) is null)
            {
                return null;
            }

            _used[name] = _used.GetValueOrDefault(name) + 1;
            return new Usage(this, name);
        }
    }

    /// <summary>Removes a backup; false when it is in use or there is none.</summary>
    /// <exception cref="IOException">It cannot be removed; it has lost its name already.</exception>
    public bool Remove(string name)
    {
        string leaving;
        lock (_gate)
        {
            if (_used.ContainsKey(name) || Find(name) is null)
            {
                return false;
            }

            leaving = Path.Combine(folder, Leaving + name);
            DeleteFolder(leaving);
            Directory.Move(Path.Combine(folder, name), leaving);
            DurableFiles.SyncFolder(folder);
        }

        DeleteFolder(leaving);
        return true;
    }

    /// <summary>An empty folder in which a backup of this name is made.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public string Begin(string name)
    {
        Directory.CreateDirectory(folder, OwnerFolder);
        DurableFiles.SyncFolder(Path.GetDirectoryName(folder)!);
        var path = Path.Combine(folder, Unfinished + name);
        DeleteFolder(path);
        Directory.CreateDirectory(path, OwnerFolder);
        return path;
    }

    /// <summary>Gives what <see cref="Begin"/> began its name, when all of it is on disk.</summary>
    public ShelvedBackup Finish(string name)
    {
        var path = Path.Combine(folder, name);
        lock (_gate)
        {
            Directory.Move(Path.Combine(folder, Unfinished + name), path);
            DurableFiles.SyncFolder(folder);
        }

        return Look(path);
    }

    public void Abandon(string name) => DeleteFolder(Path.Combine(folder, Unfinished + name));

    /// <summary>A name that no backup has.</summary>
    public string FreeName(string wish)
    {
        var name = wish;
        for (var number = 2; Path.Exists(Path.Combine(folder, name)); number++)
        {
            name = $"{wish}-{number}";
        }

        return name;
    }

    /// <summary>Removes what an interrupted process left. Only while no backup is made.</summary>
    public void Sweep()
    {
        if (Directory.Exists(folder))
        {
            foreach (var path in Directory.EnumerateDirectories(folder, Unfinished + "*")
                .Concat(Directory.EnumerateDirectories(folder, Leaving + "*")).ToList())
            {
                DeleteFolder(path);
            }
        }
    }

    /// <summary>What is remembered beside the backups, because it must not be undone by restoring one.</summary>
    public BackupState State
    {
        get
        {
            lock (_gate)
            {
                return _state ??= ReadState();
            }
        }
    }

    /// <summary>Changes and stores <see cref="State"/>; on a full disk it holds until the process ends.</summary>
    public void Remember(Func<BackupState, BackupState> change)
    {
        lock (_gate)
        {
            _state = change(_state ?? ReadState());
            try
            {
                Directory.CreateDirectory(folder, OwnerFolder);
                DurableFiles.Replace(
                    Path.Combine(folder, StateName), JsonSerializer.SerializeToUtf8Bytes(_state, BackupJson.Default.BackupState));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It is an aid: what it says stands in the log too.
            }
        }
    }

    /// <summary>Removes a folder with all it holds; nothing when there is none.</summary>
    public static void DeleteFolder(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private BackupState ReadState()
    {
        try
        {
            var path = Path.Combine(folder, StateName);
            return File.Exists(path)
                ? JsonSerializer.Deserialize(File.ReadAllBytes(path), BackupJson.Default.BackupState) ?? new BackupState()
                : new BackupState();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return new BackupState();
        }
    }

    private static ShelvedBackup Look(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            var manifest = BackupManifest.ReadFacts(path);
            return new ShelvedBackup(name, path, manifest.CreatedAt, manifest.Bytes, manifest);
        }
        catch (BackupException)
        {
            var made = new DateTimeOffset(Directory.GetLastWriteTimeUtc(path), TimeSpan.Zero);
            return new ShelvedBackup(name, path, BackupPaths.TimeOf(name) ?? made, 0, null);
        }
    }

    private sealed class Usage(BackupShelf shelf, string name) : IDisposable
    {
        private bool _ended;

        public void Dispose()
        {
            lock (shelf._gate)
            {
                if (!_ended)
                {
                    _ended = true;
                    shelf._used[name]--;
                    if (shelf._used[name] == 0)
                    {
                        shelf._used.Remove(name);
                    }
                }
            }
        }
    }
}

/// <summary>A backup that is complete.</summary>
/// <param name="Manifest">Without its files; null when it cannot be read.</param>
internal sealed record ShelvedBackup(string Name, string Path, DateTimeOffset CreatedAt, long Bytes, BackupManifest? Manifest);

/// <summary>What happened to backups lately.</summary>
internal sealed record BackupState
{
    /// <summary>When the schedule last began one, whatever came of it.</summary>
    public DateTimeOffset? LastScheduled { get; init; }

    public BackupFailure? LastFailure { get; init; }

    public BackupTrial? LastTrial { get; init; }
}

/// <summary>A backup that was not made, or not sent, and why.</summary>
internal sealed record BackupFailure(string Name, DateTimeOffset At, string Reason);

/// <summary>A restore of the newest backup that was tried and thrown away; the problem is null when it went well.</summary>
internal sealed record BackupTrial(string Name, DateTimeOffset At, string? Problem);
