using System.Text.Json;
using System.Threading.Channels;
using AiChat.Data;
using AiChat.Data.Imports;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Imports;

/// <summary>What a running import has come to. Safe for any thread.</summary>
internal sealed class LiveImport(ImportRow row, CancellationToken stopping) : IDisposable
{
    private readonly CancellationTokenSource _cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping);

    public ImportRow Row { get; } = row;

    public double Progress { get; set; }

    /// <summary>A copy, which does not change.</summary>
    public ImportReport Report { get; set; } = new();

    /// <summary>Its owner ended it.</summary>
    public bool IsCancelled { get; private set; }

    public CancellationToken Token => _cancel.Token;

    public void Cancel()
    {
        IsCancelled = true;
        _cancel.Cancel();
    }

    public void Dispose() => _cancel.Dispose();
}

/// <summary>
/// Runs the imports of uploaded archives: two at once, one of each person. One that the end of the process interrupted starts again from
/// its file, which adds what is missing and nothing twice.
/// </summary>
internal sealed partial class ImportJobs(
    ImportRows rows, ImportUploads uploads, ChatImport import, SystemSettings settings, NodeStore nodes, BackgroundWork background,
    TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<ImportJobs> logger) : BackgroundService
{
    private const int MaxAtOnce = 2;

    /// <summary>Uploads and imports of one person that have not ended.</summary>
    private const int MaxOfPerson = 4;

    private const int MaxInAll = 64;

    /// <summary>One that ends the process each time must not do so for ever.</summary>
    private const int MaxStarts = 3;

    private static readonly TimeSpan BetweenCopies = TimeSpan.FromMilliseconds(200);

    private readonly Channel<bool> _changed = Channel.CreateUnbounded<bool>();
    private readonly Lock _gate = new();
    private readonly Dictionary<long, LiveImport> _live = [];
    private readonly List<LiveImport> _waiting = [];
    private readonly List<LiveImport> _running = [];
    private readonly Dictionary<long, int> _uploading = [];
    private CancellationToken _stopping;

    /// <summary>Takes a place for an upload; false when this person, or everybody, has too many that have not ended.</summary>
    public bool TryEnter(long userId)
    {
        lock (_gate)
        {
            var own = _uploading.GetValueOrDefault(userId) + _live.Values.Count(live => live.Row.UserId == userId);
            if (own >= MaxOfPerson || _live.Count + _uploading.Values.Sum() >= MaxInAll)
            {
                return false;
            }

            _uploading[userId] = _uploading.GetValueOrDefault(userId) + 1;
            return true;
        }
    }

    public void Leave(long userId)
    {
        lock (_gate)
        {
            if (--_uploading[userId] == 0)
            {
                _uploading.Remove(userId);
            }
        }
    }

    /// <summary>Begins the import of an uploaded file.</summary>
    public async Task<ImportRow> Add(long userId, string path, string name, StoredOptions options)
    {
        var json = JsonSerializer.Serialize(options, ImportsJson.Wire.StoredOptions);
        var row = await rows.Insert(userId, name, new FileInfo(path).Length, json, clock.GetUtcNow());
        uploads.Keep(path, row.Id);
        Queue(row);
        return row;
    }

    public LiveImport? Find(long id)
    {
        lock (_gate)
        {
            return _live.GetValueOrDefault(id);
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        uploads.DeleteOthers((await rows.Running()).Select(row => row.Id)); // before the first upload
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stoppingToken);
        _stopping = stoppingToken;
        await background.Repeat("the imports of the last process", Resume, stoppingToken);
        await Task.WhenAll(Enumerable.Range(0, MaxAtOnce)
            .Select(_ => background.Repeat("imports", () => Work(stoppingToken), stoppingToken)));
    }

    private async Task<bool> Resume()
    {
        var left = await rows.Running();
        left.RemoveAll(row => Find(row.Id) is not null); // uploaded meanwhile
        if ((await nodes.Others()).Count > 0)
        {
            left.RemoveAll(row => !File.Exists(uploads.PathOf(row.Id))); // another process has the file, and may be at it
        }

        foreach (var row in left)
        {
            if (File.Exists(uploads.PathOf(row.Id)) && row.Starts < MaxStarts)
            {
                Queue(row);
            }
            else
            {
                var error = new ImportError("interrupted",
                    "The server stopped while this ran. Import the file again: nothing is taken twice.");
                await Finish(row, new ImportReport(), error);
            }
        }

        return false;
    }

    private void Queue(ImportRow row)
    {
        lock (_gate)
        {
            var live = new LiveImport(row, _stopping);
            _live[row.Id] = live;
            _waiting.Add(live);
        }

        _changed.Writer.TryWrite(true);
    }

    private async Task<bool> Work(CancellationToken stopping)
    {
        await _changed.Reader.ReadAsync(stopping);
        if (Next() is not { } live)
        {
            return true;
        }

        try
        {
            await Run(live, stopping);
        }
        finally
        {
            lock (_gate)
            {
                _running.Remove(live);
                _live.Remove(live.Row.Id);
            }

            live.Dispose();
            _changed.Writer.TryWrite(true); // for one that waited for the end of this
        }

        return true;
    }

    private LiveImport? Next()
    {
        lock (_gate)
        {
            var next = _waiting.FirstOrDefault(live => _running.All(running => running.Row.UserId != live.Row.UserId));
            if (next is not null)
            {
                _waiting.Remove(next);
                _running.Add(next);
            }

            return next;
        }
    }

    private async Task Run(LiveImport live, CancellationToken stopping)
    {
        var row = live.Row;
        if (!await rows.Start(row.Id))
        {
            uploads.Delete(row.Id);
            return;
        }

        var report = new ImportReport();
        ImportError? error = null;
        try
        {
            var options = JsonSerializer.Deserialize(row.Options, ImportsJson.Wire.StoredOptions) ?? new StoredOptions();
            var request = new ImportRequest(
                row.UserId, uploads.PathOf(row.Id), row.Name, uploads.ScratchOf(row.Id),
                new Data.Imports.ImportOptions(settings.ImageStoragePerUser, options.RestoreDeleted), options.Everyone);
            var copied = clock.GetTimestamp();
            await import.Run(request, report, progress => Show(live, report, progress, ref copied), live.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return; // goes on at the next start
        }
        catch (OperationCanceledException) when (live.IsCancelled)
        {
            error = new ImportError("cancelled", "You ended this import. What it had taken stays.");
        }
        catch (ImportRefusedException refused)
        {
            error = new ImportError(refused.Code, refused.Message);
        }
        catch (StoreException store)
        {
            var problem = Problems.FromStore(store);
            error = new ImportError(problem.Code, $"{problem.Detail} Import the file again later: nothing is taken twice.");
        }
        catch (Exception other)
        {
            LogFailed(logger, row.Id, other);
            error = new ImportError("internal_error", "Something failed here. The server's log has the details.");
        }

        await Finish(row, report, error);
    }

    private void Show(LiveImport live, ImportReport report, double progress, ref long copied)
    {
        live.Progress = progress;
        if (clock.GetElapsedTime(copied) > BetweenCopies)
        {
            live.Report = report.Copy();
            copied = clock.GetTimestamp();
        }
    }

    private async Task Finish(ImportRow row, ImportReport report, ImportError? error)
    {
        var stored = JsonSerializer.Serialize(new StoredReport { Report = report, Error = error }, ImportsJson.Wire.StoredReport);
        await rows.Finish(row.Id, error is null ? "done" : "failed", stored, clock.GetUtcNow());
        uploads.Delete(row.Id);
    }

    [LoggerMessage(LogLevel.Error, "Import {Id} failed")]
    private static partial void LogFailed(ILogger logger, long id, Exception error);
}
