using AiChat.Data.Store;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Feeds the service manager's watchdog while the server works: the thread pool runs this timer, the database's writer does not hang at one
/// piece of work, and every listening socket takes connections. When one of them does not, nothing is fed, and the manager starts the
/// server anew. What a new start cannot mend, such as a full disk or a lock that another program holds, is no reason.
/// </summary>
internal sealed partial class Watchdog : IDisposable
{
    private readonly ServiceManager _manager;
    private readonly TimeSpan _maxBusy;
    private readonly Func<TimeSpan> _writerBusyFor;
    private readonly ConnectionListeners _listeners;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly string _status;
    private bool _hungry;

    /// <param name="interval">The manager's; a third of it lies between two looks, and half of it is too long for the writer.</param>
    /// <param name="status">What the manager shows while all is well.</param>
    public Watchdog(
        ServiceManager manager, TimeSpan interval, string status, Db db, ConnectionListeners listeners, BackgroundWork background,
        TimeProvider clock, ILogger<Watchdog> logger)
    {
        _manager = manager;
        _maxBusy = interval / 2;
        _status = status;
        _writerBusyFor = () => db.WriterBusyFor;
        _listeners = listeners;
        _logger = logger;
        _timer = clock.CreateTimer(_ => background.Try("feeding the watchdog", Look), null, TimeSpan.Zero, interval / 3);
    }

    /// <summary>Null when the manager does not watch.</summary>
    public static Watchdog? Start(ServiceManager manager, string status, IServiceProvider services) => manager.Watchdog is not { } interval
        ? null
        : new Watchdog(
            manager,
            interval,
            status,
            services.GetRequiredService<Db>(),
            services.GetRequiredService<ConnectionListeners>(),
            services.GetRequiredService<BackgroundWork>(),
            TimeProvider.System,
            services.GetRequiredService<ILogger<Watchdog>>());

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var busy = _writerBusyFor();
        var hung = busy > _maxBusy ? $"the database has been at one write for {busy.TotalSeconds:0} s"
            : _listeners.FindStuck() is { } endpoint ? $"nobody takes the connections to {endpoint}"
            : null;
        if (hung is null)
        {
            _manager.Alive();
            _manager.Tell(_status);
        }
        else
        {
            _manager.Tell($"The watchdog is not fed: {hung}");
            if (!_hungry)
            {
                LogHungry(_logger, hung);
            }
        }

        _hungry = hung is not null;
    }

    [LoggerMessage(LogLevel.Error, "The watchdog is not fed, and the service manager will start the server anew: {Reason}.")]
    private static partial void LogHungry(ILogger logger, string reason);
}
