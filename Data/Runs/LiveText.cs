using System.Data.Common;
using Dapper;

namespace AiChat.Data.Runs;

/// <summary>
/// The text of running answers, in a file beside the database (app.db-live): so an answer costs the database its start and its end alone.
/// A process that is killed loses nothing of what was written, a power cut at most <see cref="BetweenFlushes"/>. What an earlier process
/// left becomes rows (run_chunks) wherever the database is used without it: at a start, in a backup, before a rollback.
/// Call from one thread at a time.
/// </summary>
internal sealed class LiveText(string databasePath) : ILiveText
{
    public static readonly TimeSpan BetweenFlushes = TimeSpan.FromSeconds(2);

    /// <summary>Of text that has ended meanwhile; then the file is written anew with what still runs.</summary>
    private const long MaxBytes = 64L << 20;

    private readonly string _path = PathOf(databasePath);
    private LiveTextFile? _file;
    private string _bootId = "";
    private long _limit = MaxBytes;
    private bool _isFlushed = true;

    /// <summary>Whether it is time for <see cref="Renew"/>.</summary>
    public bool IsFull => _file?.Length > _limit;

    /// <summary>Begins an empty file; call once what an earlier process left is in the database.</summary>
    /// <param name="bootId">Names this process, as in the rows of its runs.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Begin(string bootId)
    {
        _bootId = bootId;
        _file = Create(_path);
    }

    /// <summary>Appends the chunks.</summary>
    /// <exception cref="IOException">They could not be written; then they are to be given again.</exception>
    public Task Append(IReadOnlyList<RunChunk> chunks)
    {
        Opened.Append(chunks);
        _isFlushed = false;
        return Task.CompletedTask;
    }

    /// <summary>Nothing runs any more.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public Task Empty()
    {
        if (Opened.Length > LiveTextFile.HeadLength)
        {
            Opened.Empty();
            (_limit, _isFlushed) = (MaxBytes, true);
        }

        return Task.CompletedTask;
    }

    /// <summary>Writes the file anew, with the whole text of what runs now.</summary>
    /// <exception cref="IOException">It cannot be written; the file is as before.</exception>
    public Task Renew(IEnumerable<IReadOnlyList<RunChunk>> whole)
    {
        var next = Create(_path + ".new");
        try
        {
            foreach (var chunks in whole)
            {
                next.Append(chunks);
            }

            next.Flush();
            File.Move(_path + ".new", _path, overwrite: true);
        }
        catch
        {
            next.Dispose();
            throw;
        }

        Opened.Dispose();
        (_file, _limit) = (next, Math.Max(MaxBytes, 2 * next.Length));
        return Task.CompletedTask;
    }

    /// <summary>Waits until what was appended is on the disk.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public Task Flush()
    {
        if (!_isFlushed)
        {
            Opened.Flush();
            _isFlushed = true;
        }

        return Task.CompletedTask;
    }

    public void Dispose() => _file?.Dispose();

    /// <summary>
    /// Puts the text that the file beside a database holds of its running answers into the table. What is there already stays; text of
    /// answers that have ended, or of another installation's, is left out.
    /// </summary>
    /// <param name="connection">Of that database or of a copy of it.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static void Put(DbConnection connection, string databasePath)
    {
        if (LiveTextFile.Read(PathOf(databasePath)) is not var (bootId, chunks))
        {
            return;
        }

        var running = connection.Query<long>("""
            select id from runs where status = 'running' and boot_id = @bootId
            """, new { bootId }).ToHashSet();
        connection.Execute("""
            insert into run_chunks (run_id, position, kind, value) values (@RunId, @Position, @Kind, @Value)
            on conflict (run_id, position) do nothing
            """, chunks.Where(chunk => running.Contains(chunk.RunId)));
    }

    /// <summary>Whoever may read the database may read its text, as with the files that SQLite puts beside it.</summary>
    private LiveTextFile Create(string path) => new(path, _bootId, File.GetUnixFileMode(databasePath));

    private static string PathOf(string databasePath) => databasePath + "-live";

    private LiveTextFile Opened => _file ?? throw new InvalidOperationException("Begin comes first.");
}
