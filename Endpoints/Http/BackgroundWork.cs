namespace AiChat.Endpoints.Http;

/// <summary>
/// Everything that runs without a request: loops, timers and tasks that nobody awaits. Whatever one of them throws is logged, and it
/// goes on; none ends the process, and none stops without a word. Safe for any thread.
/// </summary>
internal sealed partial class BackgroundWork(TimeProvider clock, ILogger<BackgroundWork> logger)
{
    /// <summary>What failed is tried again after this long, then after twice as long, and so on.</summary>
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Raised before each turn of a loop and of a timer, with its name; what a handler throws counts as the turn's own. For tests.
    /// </summary>
    public event Action<string>? Turning;

    /// <summary>Runs the work again and again until the server stops or it gives false. Never throws.</summary>
    /// <param name="name">What the log calls it.</param>
    /// <param name="turn">Waits for something to do and does it.</param>
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

    /// <summary>Runs the work each time the interval has passed, as <see cref="Repeat"/> does; the first time after one interval.</summary>
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

    /// <summary>For callbacks of timers and signals: what one of them throws would end the process.</summary>
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

    [LoggerMessage(LogLevel.Error, "Background work failed: {Name}. It goes on.")]
    private static partial void LogFailed(ILogger logger, string name, Exception error);
}
