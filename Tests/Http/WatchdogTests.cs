using System.Net;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiChat.Tests.Http;

/// <summary>The watchdog is fed while the server works, and starves when its writer hangs or nobody takes connections.</summary>
[Trait("Mode", "InProcess")]
public sealed class WatchdogTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task A_hung_writer_starves_it()
    {
        await using var server = await TestServer.StartAsync();
        using var socket = new NotifySocket();
        using var manager = socket.Manager();
        var db = server.Services.GetRequiredService<Db>();
        using var watchdog = Feed(manager, db, server.Services.GetRequiredService<ConnectionListeners>());
        await socket.Next("WATCHDOG=1");

        using var go = new ManualResetEventSlim();
        var hung = db.Write(_ => go.Wait(TimeSpan.FromSeconds(30)));
        await socket.Next("not fed: the database has been at one write");
        Assert.StartsWith("STATUS=The watchdog is not fed", await socket.Next()); // the seconds are counted, and nothing is fed
        go.Set();
        await hung;
        await socket.Next("WATCHDOG=1");
        await socket.Next("STATUS=working");
    }

    [Fact]
    public async Task An_idle_server_feeds_it_without_a_write()
    {
        using var socket = new NotifySocket();
        using var manager = socket.Manager();
        var path = Path.Combine(Path.GetDirectoryName(socket.Name)!, "app.db");
        Migrator.Run(path);
        using var db = new Db(path);
        using var pool = new ConnectionListenersTests.Pool();
        var listeners = new ConnectionListeners(new ListenSockets(), pool, TimeProvider.System, NullLogger<ConnectionListener>.Instance);
        await db.Write(_ => { });
        var commits = db.Commits;
        using var watchdog = Feed(manager, db, listeners);
        for (var fed = 0; fed < 10; fed++)
        {
            await socket.Next("WATCHDOG=1");
        }

        Assert.Equal(commits, db.Commits);
    }

    [Fact]
    public async Task Connections_that_nobody_takes_are_noticed()
    {
        using var pool = new ConnectionListenersTests.Pool();
        var listeners = new ConnectionListeners(new ListenSockets(), pool, TimeProvider.System, NullLogger<ConnectionListener>.Instance);
        await using var listener = await listeners.BindAsync(new IPEndPoint(IPAddress.Any, 0));
        Assert.Null(listeners.FindStuck()); // nobody has knocked yet
        Assert.Equal(listener.EndPoint, listeners.FindStuck());
        Assert.Equal(listener.EndPoint, listeners.FindStuck());

        await using var taken = await listener.AcceptAsync();
        Assert.NotNull(taken);
        Assert.Null(listeners.FindStuck());

        listeners.Close(); // refused now: no sign of a hung server
        await Eventually.Holds(() => listeners.FindStuck() is null);
    }

    private static Watchdog Feed(ServiceManager manager, Db db, ConnectionListeners listeners) => new(
        manager,
        Interval,
        "working",
        db,
        listeners,
        new BackgroundWork(TimeProvider.System, NullLogger<BackgroundWork>.Instance),
        TimeProvider.System,
        NullLogger<Watchdog>.Instance);
}
