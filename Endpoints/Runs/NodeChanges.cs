using System.Globalization;
using System.Threading.Channels;
using AiChat.Data.Accounts;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Nodes;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Brings what this process has in memory up to date with what is told by triggers of the database, whoever has changed it, and carries out
/// what other processes ask. This is the one list of what is held in memory and would be wrong with several processes.
/// </summary>
internal sealed class NodeChanges(
    AuthCache authCache, SystemSettings settings, AvatarLinks pictures, ModelCatalog catalog, TokenFactors factors, SetupCode setup,
    RunRegistry registry, LiveCalls calls, RequestLimits limits, BackgroundWork background, NodeStore nodes, NodeCatchUp others,
    NodeLink? link = null)
    : IHostedService, IAsyncDisposable
{
    /// <summary>How long streams outlive the loss of the database, when nobody can tell whether their logins still hold.</summary>
    private static readonly TimeSpan StreamsOutlive = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly Channel<Told> _told = Channel.CreateUnbounded<Told>(new UnboundedChannelOptions { SingleReader = true });
    private readonly List<Task> _beside = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _work = Task.CompletedTask;
    private bool _isDisposed;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (link is null)
        {
            return;
        }

        link.Changed += change => _told.Writer.TryWrite(new Told(change));
        link.Missed += () => _told.Writer.TryWrite(new Told(new ChangeRow { Kind = "all" }));
        link.Lost += () => background.Try("ending what another node has ended", registry.InterruptLost);
        await ReadAll(); // what was changed between the start of the others and now
        await limits.Exchange(); // who is alone takes the whole of each limit
        _work = Task.WhenAll(
            background.Repeat("taking over changes", Take, _stop.Token),
            background.Every("telling what was asked", Tick, limits.Exchange, _stop.Token),
            background.Every("watching the database", Tick, Watch, _stop.Token));
        await nodes.Tell("nodes", "");
        await others.Wait(); // from now on they take a part of the limits only
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _work;
        await Task.WhenAll(_beside);
    }

    /// <summary>Waits for what is being read: what it reads by is disposed of afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        // Once: it is registered under two names. A start that fails stops nothing.
        if (!Interlocked.Exchange(ref _isDisposed, true))
        {
            await StopAsync(CancellationToken.None);
            _stop.Dispose();
        }
    }

    /// <summary>Completes when this process has taken over what others had changed before the call.</summary>
    /// <exception cref="OperationCanceledException">That could not be read, this process ends, or it was cancelled.</exception>
    public async Task CatchUp(CancellationToken cancel)
    {
        await link!.CatchUp().WaitAsync(cancel);
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _told.Writer.TryWrite(new Told(null, taken));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _stop.Token);
        await taken.Task.WaitAsync(either.Token);
    }

    private async Task<bool> Take()
    {
        await _told.Reader.WaitToReadAsync(_stop.Token);
        var told = new HashSet<(string Kind, string Key)>();
        var waiting = new List<TaskCompletionSource>();
        while (_told.Reader.TryRead(out var next))
        {
            if (next.Change is { } change)
            {
                told.Add((change.Kind, change.Key));
            }
            else
            {
                waiting.Add(next.Taken!);
            }
        }

        // Who may do what comes first; the rest takes longer and is read beside it.
        _beside.RemoveAll(task => task.IsCompleted);
        foreach (var (kind, key) in told)
        {
            var id = long.TryParse(key, CultureInfo.InvariantCulture, out var number) ? number : 0;
            await background.Attempt($"taking over a change of {kind}", () => Apply(kind, id));
        }

        if (waiting.Count > 0)
        {
            background.Forget("telling that changes are taken over", Tell([.. _beside], waiting));
        }

        return true;
    }

    private static async Task Tell(Task[] beside, List<TaskCompletionSource> waiting)
    {
        await Task.WhenAll(beside);
        waiting.ForEach(taken => taken.SetResult());
    }

    private Task Apply(string kind, long id)
    {
        switch (kind)
        {
            case "stop":
                registry.StopTold(id);
                return Task.CompletedTask;
            case "user":
                return User(id);
            case "login":
                return authCache.LoginChangedElsewhere(id);
            case "key":
                return authCache.KeyChangedElsewhere(id);
            case "settings":
                return ReadSettings();
            case "catalog":
                _beside.Add(background.Attempt("reading the catalogue again", catalog.Reload));
                return Task.CompletedTask;
            case "factors":
                _beside.Add(background.Attempt("reading token factors again", () => factors.StartAsync(CancellationToken.None)));
                return Task.CompletedTask;
            case "nodes":
                return limits.Exchange();
            case "all":
                return ReadAll();
            default:
                return Task.CompletedTask; // of the imports, which hear of it themselves, or of a newer version
        }
    }

    private async Task User(long id)
    {
        await authCache.UserChangedElsewhere(id);
        await setup.Review();
        if (await authCache.User(id) is not { Status: "ACTIVE" } user)
        {
            background.Forget("stopping the answers of an account", registry.StopUserHere(id));
            calls.CutUser(id);
        }
        else if (user.Role != "ADMIN")
        {
            calls.Demoted(id);
        }
    }

    private async Task ReadSettings()
    {
        await settings.StartAsync(CancellationToken.None);
        await pictures.Reload();
    }

    private async Task ReadAll()
    {
        await authCache.ForgetAll();
        await ReadSettings();
        await catalog.Reload();
        await factors.StartAsync(CancellationToken.None);
        await setup.Review();
    }

    private Task Watch()
    {
        if (link!.SilentFor > StreamsOutlive)
        {
            authCache.EndAll();
        }

        return Task.CompletedTask;
    }

    /// <summary>Something to take over; or, without it, who waits until all before it is.</summary>
    private readonly record struct Told(ChangeRow? Change, TaskCompletionSource? Taken = null);
}
