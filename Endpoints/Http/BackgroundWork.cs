namespace AiChat.Endpoints.Http;

/// <summary>
/// Runs what belongs to no request: loops, timers and tasks that nobody awaits. What one of them throws is logged, and a loop or timer
/// continues; no failure ends the process or goes unreported. Safe for any thread.
/// </summary>
internal sealed partial class BackgroundWork(TimeProvider clock, ILogger<BackgroundWork> logger)
{
    /// <summary>The pause after the first failure; it doubles with each further one.</summary>
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Raised before each turn of a loop or timer, with its name; what a handler throws counts as a failure of the turn. For tests.
    /// </summary>
    public event Action<string>? Turning;

    /// <summary>Repeats the work until the server stops or a turn returns false. Never throws.</summary>
    /// <param name="name">The name in the log.</param>
    /// <param name="turn">Waits for work and does it.</param>
    /// <param name="stop">Ends the loop.</param>
    public async Task Repeat(string name, Func<Task<bool>> turn, CancellationToken stop)
    {
        var pause = FirstPause;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Turning?.Invoke(name);
                if (!await turn())
                {
                    return;
                }

                pause = FirstPause;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogFailed(logger, name, error);
                await Task.Delay(pause, clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
            }
        }
    }

    /// <summary>Repeats the work as <see cref="Repeat"/> does, once in each interval; the first time after one interval.</summary>
    public async Task Every(string name, TimeSpan interval, Func<Task> work, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(interval, clock);
        await Repeat(
            name,
            async () =>
            {
                if (!await timer.WaitForNextTickAsync(stop))
                {
                    return false;
                }

                await work();
                return true;
            },
            stop);
    }

    /// <summary>For callbacks of timers and signals, where an exception would end the process.</summary>
    public void Try(string name, Action work)
    {
        try
        {
            Turning?.Invoke(name);
            work();
        }
        catch (Exception error)
        {
            LogFailed(logger, name, error);
        }
    }

    /// <summary>For work whose failure does not concern who awaits it.</summary>
    public Task Attempt(string name, Func<Task> work) => Watch(name, work());

    /// <summary>For a task that nobody awaits.</summary>
    public void Forget(string name, Task task) => _ = Watch(name, task);

    /// <summary>For work that reports its own failures.</summary>
    public void Report(string name, Exception error) => LogFailed(logger, name, error);

    private async Task Watch(string name, Task task)
    {
        try
        {
            await task;
        }
        catch (Exception error)
        {
            LogFailed(logger, name, error);
        }
    }

    [LoggerMessage(LogLevel.Error, "Background work failed: {Name}. It continues.")]
    private static partial void LogFailed(ILogger logger, string name, Exception error);
}
