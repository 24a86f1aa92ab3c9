using System.Text.Json;
using AiChat.Data.Catalog;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>
/// Lists the models of each provider in the background: at start, at an interval, and when a connection changes or somebody asks.
/// A connection is asked once at a time; callers that ask meanwhile share the result. A provider that fails keeps its last list and is
/// retried after a growing delay. Safe for any number of threads.
/// </summary>
internal sealed partial class CatalogRefresher(
    ModelCatalog catalog, Connections connections, ProviderRegistry providers, SystemSettings settings, NodeStore nodes,
    BackgroundWork background, TimeProvider clock, ILogger<CatalogRefresher> logger)
    : BackgroundService
{
    /// <summary>Time limit for a provider to list its models.</summary>
    public static readonly TimeSpan ListTimeout = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<long, (long Revision, Task<CheckFailure?> Task)> _running = [];
    private readonly Dictionary<long, Schedule> _schedules = [];
    private CancellationToken _stopping;

    /// <summary>Asks this connection now or joins the request under way. Null after success, and when it is off or gone.</summary>
    public Task<CheckFailure?> Refresh(long connectionId)
    {
        if (catalog.Current.Connection(connectionId)?.Row is not { Enabled: true } row)
        {
            return Task.FromResult<CheckFailure?>(null);
        }

        lock (_lock)
        {
            if (_running.TryGetValue(connectionId, out var running) && running.Revision == row.Revision && !running.Task.IsCompleted)
            {
                return running.Task;
            }

            var task = Ask(row);
            _running[connectionId] = (row.Revision, task);
            return task;
        }
    }

    /// <summary>As <see cref="Refresh"/>, but waits at most <paramref name="patience"/>; the request continues in the background.</summary>
    public async Task RefreshFor(long connectionId, TimeSpan patience)
    {
        try
        {
            await Refresh(connectionId).WaitAsync(patience, clock);
        }
        catch (TimeoutException)
        {
            // The list is updated once the provider answers.
        }
    }

    /// <summary>The models these endpoints list. A refused key is followed by the next one.</summary>
    /// <exception cref="ProviderException">No list could be read; the exception says why.</exception>
    public async Task<IReadOnlyList<ProviderModel>> List(IReadOnlyList<ProviderEndpoint> endpoints, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(ListTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        for (var at = 0; ; at++)
        {
            try
            {
                return await providers.Get(endpoints[at].Provider).ListModelsAsync(endpoints[at], either.Token);
            }
            catch (ProviderException error) when (error.IsAboutKey && at + 1 < endpoints.Count)
            {
                // Try the next key.
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                throw new ProviderException(
                    ProviderFailure.TotalTimeout, $"The provider did not list its models within {ListTimeout.TotalSeconds} seconds.");
            }
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // The demo provider is built in, so its models are listed before the first request.
        foreach (var demo in catalog.Current.Connections.Where(connection => connection.IsDemo))
        {
            await Refresh(demo.Id);
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _stopping = stoppingToken;
        await background.Repeat(
            "asking providers for their models",
            async () =>
            {
                // Of several processes on one database one asks by itself.
                foreach (var due in await nodes.TryTake("catalogue", 2 * Tick) ? Due() : [])
                {
                    // Not awaited: a slow provider does not delay the others.
                    background.Forget($"asking connection {due} for its models", Refresh(due));
                }

                await Task.Delay(Tick, clock, stoppingToken);
                return true;
            },
            stoppingToken);
    }

    private List<long> Due()
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            return [.. catalog.Current.Connections
                .Where(connection => connection.Row.Enabled
                    && (!_schedules.TryGetValue(connection.Id, out var next) || next.Revision != connection.Row.Revision || next.At <= now))
                .Select(connection => connection.Id)];
        }
    }

    private async Task<CheckFailure?> Ask(ConnectionRow row)
    {
        // Leave the caller's lock and thread first.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        CheckFailure? failure = null;
        List<ModelRow>? models = null;
        try
        {
            var found = await List(catalog.Endpoints(row), _stopping);
            var wanted = StoredJson.Read(row.ModelIds, CatalogRowJson.Default.StringArray) is { Length: > 0 } fixedIds
                ? fixedIds.ToHashSet(StringComparer.Ordinal)
                : null;
            models =
            [
                .. found.Select(model => Untagged(model, wanted)).DistinctBy(model => model.Id)
                .Where(model => wanted?.Contains(model.Id) != false).Select(model => ToRow(row, model)),
            ];
        }
        catch (ProviderException error) when (IsWithoutList(row, error))
        {
            models = [];
        }
        catch (ProviderException error)
        {
            failure = new CheckFailure(error.Failure.Code(), error.Detail);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (Exception error)
        {
            // Scheduled as any other failure; otherwise it would be retried at every tick.
            background.Report($"asking connection {row.Id} for its models", error);
            failure = new CheckFailure(ProviderFailure.Protocol.Code(), "The provider's list of models could not be read.");
        }

        Plan(row, failure is not null);
        await Store(row, models, failure);
        return failure;
    }

    private async Task Store(ConnectionRow row, List<ModelRow>? models, CheckFailure? failure)
    {
        try
        {
            var error = failure is null ? null : JsonSerializer.Serialize(failure, CatalogRowJson.Default.CheckFailure);
            if (await connections.KeepCheck(row.Id, row.Revision, models, error, clock.GetUtcNow()))
            {
                await catalog.Reload();
            }
        }
        catch (Exception error)
        {
            LogNotStored(logger, row.Id, error);
        }

        if (failure is not null)
        {
            LogFailed(logger, row.Id, failure.Code, failure.Detail);
        }
    }

    private void Plan(ConnectionRow row, bool failed)
    {
        lock (_lock)
        {
            var failures = failed ? (_schedules.TryGetValue(row.Id, out var last) ? last.Failures : 0) + 1 : 0;
            var wait = settings.ModelsRefreshInterval;
            if (failed && FirstRetry * Math.Pow(2, Math.Min(failures - 1, 16)) is var retry && retry < wait)
            {
                wait = retry;
            }

            _schedules[row.Id] = new Schedule(row.Revision, failures, clock.GetUtcNow() + wait);
        }
    }

    /// <summary>The administrator entered the model ids, so the provider's list only adds details and may be missing.</summary>
    public static bool IsWithoutList(ConnectionRow row, ProviderException error) =>
        row.ModelIds != "[]" && error.UpstreamStatus is 404 or 405 or 501;

    /// <summary>Ollama lists <c>llama3</c> as <c>llama3:latest</c> and answers to both.</summary>
    private static ProviderModel Untagged(ProviderModel model, HashSet<string>? wanted)
    {
        const string latest = ":latest";
        return wanted is not null && !wanted.Contains(model.Id) && model.Id.EndsWith(latest, StringComparison.Ordinal)
            ? model with { Id = model.Id[..^latest.Length] } : model;
    }

    private static ModelRow ToRow(ConnectionRow row, ProviderModel model) => new()
    {
        ConnectionId = row.Id,
        Model = model.Id,
        Name = model.Name,
        Capabilities = JsonSerializer.Serialize(
            new CapabilityLayer
            {
                Vision = model.Vision,
                Tools = model.Tools,
                Reasoning = model.Reasoning,
                ImageGeneration = model.ImageGeneration,
                Chat = model.Chat,
            },
            CatalogRowJson.Default.CapabilityLayer),
        ContextLimit = model.ContextLimit,
        MaxOutputTokens = model.MaxOutputTokens,
    };

    [LoggerMessage(LogLevel.Warning, "Could not list the models of connection {Connection}: {Code} {Detail}")]
    private static partial void LogFailed(ILogger logger, long connection, string code, string detail);

    [LoggerMessage(LogLevel.Warning, "Could not store the models of connection {Connection}")]
    private static partial void LogNotStored(ILogger logger, long connection, Exception error);

    private sealed record Schedule(long Revision, int Failures, DateTimeOffset At);
}
