using AiChat.Endpoints.Http;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

/// <summary>The datagrams of sd_notify(3), as a service manager reads them.</summary>
public sealed class ServiceManagerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_manager_is_told_by_a_path_or_an_abstract_name(bool isAbstract)
    {
        using var socket = new NotifySocket(isAbstract);
        using var manager = socket.Manager();

        manager.Ready("Listening on\nhttp://localhost:8001");
        Assert.Equal("READY=1\nSTATUS=Listening on http://localhost:8001", await socket.Next());
        manager.Tell("Listening on\nhttp://localhost:8001"); // the same: not sent again
        manager.Alive();
        Assert.Equal("WATCHDOG=1", await socket.Next());
        manager.Stopping("Stopping");
        Assert.Equal("STOPPING=1\nSTATUS=Stopping", await socket.Next());
    }

    [Fact]
    public async Task A_long_start_asks_for_more_time_until_it_ends()
    {
        using var socket = new NotifySocket();
        using var manager = socket.Manager();
        var time = new FakeTimeProvider();

        using (manager.Starting(time, () => "migrating database, 41 %"))
        {
            Assert.Equal("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=Starting", await socket.Next());
            time.Advance(ServiceManager.StartStep);
            Assert.StartsWith("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=Starting for 10 s: migrating database, 41 %", await socket.Next());
        }

        time.Advance(10 * ServiceManager.StartStep);
        manager.Alive();
        Assert.Equal("WATCHDOG=1", await socket.Next());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Without_a_manager_nothing_is_told(string? name) =>
        Assert.Null(ServiceManager.Find(variable => variable == "NOTIFY_SOCKET" ? name : "1", static line => Assert.Fail(line)));

    [Theory]
    [InlineData("vsock:2:1234")]
    [InlineData("notify")]
    [InlineData("@")]
    public void A_socket_of_another_kind_is_named(string name)
    {
        var said = new List<string>();
        Assert.Null(ServiceManager.Find(variable => variable == "NOTIFY_SOCKET" ? name : null, said.Add));
        Assert.Contains(name, Assert.Single(said));
    }

    [Fact]
    public void A_manager_that_cannot_be_told_is_named_once()
    {
        var said = new List<string>();
        using var manager = ServiceManager.Find(variable => variable == "NOTIFY_SOCKET" ? "/nowhere/notify" : null, said.Add)!;
        manager.Ready("Listening");
        manager.Alive();
        Assert.Contains("/nowhere/notify", Assert.Single(said));
    }

    /// <summary>A full queue would hold up the server, were there no limit to the wait.</summary>
    [Fact]
    public void A_manager_that_does_not_read_is_named()
    {
        using var socket = new NotifySocket();
        var said = new List<string>();
        using var manager = ServiceManager.Find(variable => variable == "NOTIFY_SOCKET" ? socket.Name : null, said.Add)!;
        for (var sent = 0; said.Count == 0 && sent < 10_000; sent++)
        {
            manager.Alive();
        }

        Assert.Single(said);
    }

    [Theory]
    [InlineData("30000000", null, 30_000)]
    [InlineData("30000000", "", 30_000)]
    [InlineData("30000000", "own", 30_000)]
    [InlineData("30000000", "1", null)] // watches another process
    [InlineData("0", null, null)]
    [InlineData("often", null, null)]
    [InlineData(null, null, null)]
    public void The_watchdog_is_that_of_this_process(string? interval, string? pid, int? milliseconds)
    {
        using var socket = new NotifySocket();
        using var manager = socket.Manager(
            ("WATCHDOG_USEC", interval!), ("WATCHDOG_PID", pid == "own" ? Environment.ProcessId.ToString() : pid!));
        Assert.Equal(milliseconds, manager.Watchdog?.TotalMilliseconds);
    }

    [Theory]
    [InlineData("9:4711", "socket:[4711]", true)]
    [InlineData("9:4711", "socket:[4712]", false)] // redirected
    [InlineData("9:4711", "/var/log/aichat.log", false)]
    [InlineData("9:4711", null, false)]
    [InlineData("9:", "socket:[]", false)]
    [InlineData(null, "socket:[4711]", false)]
    public void The_journal_counts_when_standard_error_goes_there(string? stream, string? standardError, bool expected) =>
        Assert.Equal(expected, Journal.IsStream(stream, standardError));
}
