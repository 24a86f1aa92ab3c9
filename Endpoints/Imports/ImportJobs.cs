using System.Text.Json;
using System.Threading.Channels;
using AiChat.Data;
using AiChat.Data.Imports;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
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

    public Task Cancel()
    {
        IsCancelled = true;
        return _cancel.CancelAsync();
    }

    public void Dispose() => _cancel.Dispose();
}

/// <summary>
/// Runs the imports of uploaded archives: two at once, one of each person. One that the end of the process interrupted starts again from
/// its file, which adds what is missing and nothing twice. Several servers on one database show and end one another's.
/// </summary>
internal sealed partial class ImportJobs(
    ImportRows rows, ImportUploads uploads, ChatImport import, SharedImports shared, SystemSettings settings, BackgroundWork background,
    TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<ImportJobs> logger, NodeLink? link = null) : BackgroundService
{
    private const int MaxAtOnce = 2;

    /// <summary>Uploads and imports of one person that have not ended.</summary>
    private const int MaxOfPerson = 4;

    private const int MaxInAll = 64;

    /// <summary>One that ends the process each time must not do so for ever.</summary>
    private const int MaxStarts = 3;

    private static readonly TimeSpan BetweenCopies = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(10);

    private static ImportError Cancelled { get; } = new("cancelled", "You ended this import. What it had taken stays.");

    private static ImportError Interrupted { get; } =
        new("interrupted", "The server stopped while this ran. Import the file again: nothing is taken twice.");

    private readonly Channel<bool> _changed = Channel.CreateUnbounded<bool>();
    private readonly Lock _gate = new();
    private readonly Dictionary<long, LiveImport> _live = [];
    private readonly List<LiveImport> _waiting = [];
    private readonly List<LiveImport> _running = [];
    private readonly Dictionary<long, int> _uploading = [];
    private CancellationToken _stopping;

    /// <summary>Takes a place for an upload; false when this person, or everybody, has too many that have not ended.</summary>
    public async Task<bool> TryEnter(long userId)
    {
        if (!shared.IsAlone && await rows.CountRunning(userId) >= MaxOfPerson)
        {
            return false;
        }

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

    /// <summary>Begins the import of an uploaded file; null when this person has too many that have not ended.</summary>
    public async Task<ImportRow?> Add(long userId, string path, string name, StoredOptions options)
    {
        var json = Written(options);
        if (await rows.Insert(userId, name, new FileInfo(path).Length, json, MaxOfPerson, clock.GetUtcNow()) is not { } row)
        {
            File.Delete(path);
            return null;
        }

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

    /// <summary>Ends a running import of a person, at whichever server; false when it does not run.</summary>
    public async Task<bool> Cancel(long userId, long id)
    {
        if (Find(id) is not { } live)
        {
            return await shared.Stop(userId, id, Cancelled);
        }

        if (live.Row.UserId != userId)
        {
            return false;
        }

        await live.Cancel();
        return true;
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (link is not null)
        {
            link.Changed += Told;
        }

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
        var looking = shared.IsAlone
            ? Task.CompletedTask : background.Every("imports of servers that are gone", BetweenLooks, EndAbandoned, stoppingToken);
        await Task.WhenAll([
            looking, .. Enumerable.Range(0, MaxAtOnce)
                .Select(_ => background.Repeat("imports", () => Work(stoppingToken), stoppingToken)),
        ]);
    }

    private async Task<bool> Resume()
    {
        var left = await rows.Running();
        left.RemoveAll(row => Find(row.Id) is not null); // uploaded meanwhile
        foreach (var row in left)
        {
            var isHere = File.Exists(uploads.PathOf(row.Id));
            if (isHere && row.Starts < MaxStarts)
            {
                Queue(row);
            }
            else if (isHere || shared.IsAlone) // else another server has the file, or comes back with it
            {
                await Finish(row, new ImportReport(), Interrupted);
            }
        }

        return false;
    }

    private async Task EndAbandoned()
    {
        foreach (var row in await shared.Abandoned())
        {
            if (Find(row.Id) is null)
            {
                await Finish(row, ImportResponse.Stored(row.Report).Report ?? new ImportReport(), Interrupted);
            }
        }
    }

    /// <summary>Another server has ended an import, which may be this one's. On the thread that reads what others tell.</summary>
    private void Told(ChangeRow change)
    {
        if (change.Kind == SharedImports.Told && Find(long.TryParse(change.Key, out var id) ? id : 0) is { } live)
        {
            background.Forget("ending an import", live.Cancel());
        }
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

        if (!await IsTurn(live))
        {
            return true;
        }

        try
        {
            await Run(live, stopping);
        }
        finally
        {
            await background.Attempt("ending the turn of an import", () => shared.Leave(live.Row.UserId));
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

    /// <summary>Whether no other server imports for this person now; else it waits again.</summary>
    private async Task<bool> IsTurn(LiveImport live)
    {
        var isTurn = false;
        try
        {
            return isTurn = await shared.TryEnter(live.Row.UserId);
        }
        finally
        {
            if (!isTurn)
            {
                lock (_gate)
                {
                    _running.Remove(live);
                    _waiting.Add(live);
                }

                background.Forget("an import that waits for its turn", WakeLater());
            }
        }
    }

    private async Task WakeLater()
    {
        await Task.Delay(SharedImports.Tick, clock, _stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _changed.Writer.TryWrite(true);
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
        var options = JsonSerializer.Deserialize(row.Options, ImportsJson.Wire.StoredOptions) ?? new StoredOptions();
        if (!await rows.Start(row.Id, Written(options)))
        {
            uploads.Delete(row.Id);
            return;
        }

        var report = new ImportReport();
        ImportError? error = null;
        using var ended = new CancellationTokenSource();
        var showing = shared.IsAlone
            ? Task.CompletedTask : background.Every("showing an import", SharedImports.Tick, () => ShowOthers(live), ended.Token);
        try
        {
            var request = new ImportRequest(
                row.UserId, uploads.PathOf(row.Id), row.Name, uploads.ScratchOf(row.Id),
                new Data.Imports.ImportOptions(settings.ImageStoragePerUser, options.RestoreDeleted), options.Everyone);
            long copied = 0; // the first chat is shown
            await import.Run(request, report, progress => Show(live, report, progress, ref copied), live.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return; // goes on at the next start
        }
        catch (OperationCanceledException) when (live.IsCancelled)
        {
            error = Cancelled;
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
        finally
        {
            await ended.CancelAsync();
            await showing;
        }

        await Finish(row, report, error);
    }

    private async Task ShowOthers(LiveImport live)
    {
        if (!await shared.Show(live))
        {
            await live.Cancel();
        }
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

    private string Written(StoredOptions options) =>
        JsonSerializer.Serialize(options with { Place = shared.Place }, ImportsJson.Wire.StoredOptions);

    private async Task Finish(ImportRow row, ImportReport report, ImportError? error)
    {
        if (!await rows.Finish(row.Id, error is null ? "done" : "failed", Stored(error), clock.GetUtcNow()))
        {
            await rows.Correct(row.Id, Stored(Cancelled)); // its owner ended it at another server
        }

        uploads.Delete(row.Id);

        string Stored(ImportError? why) =>
            JsonSerializer.Serialize(new StoredReport { Report = report, Error = why }, ImportsJson.Wire.StoredReport);
    }

    [LoggerMessage(LogLevel.Error, "Import {Id} failed")]
    private static partial void LogFailed(ILogger logger, long id, Exception error);
}
