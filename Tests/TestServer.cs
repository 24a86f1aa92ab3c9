using System.Globalization;
using System.Net;

namespace AiChat.Tests;

/// <summary>
/// A whole server on a free port of this machine. It runs in this process, or as a child process when AICHAT_TEST_BINARY
/// names the native executable, so that the same tests hold for both.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    public const string Password = "pw-CANARY-1a2b3c4d";

    /// <summary>The setup code of every server under test.</summary>
    public const string SetupCode = "setup-CANARY-5e6f7g";

    private static int _names;
    private readonly TestServerOptions _options;
    private readonly bool _ownsFolder;
    private readonly List<HttpClient> _clients = [];
    private IServerHost _host;

    private TestServer(TestServerOptions options, IServerHost host, string dataDir)
    {
        _options = options;
        _host = host;
        _ownsFolder = options.DataDir is null;
        DataDir = dataDir;
    }

    /// <summary>The native executable under test, or null when the server runs in this process.</summary>
    public static string? Binary { get; } =
        Environment.GetEnvironmentVariable("AICHAT_TEST_BINARY") is { Length: > 0 } path ? Path.GetFullPath(path) : null;

    public string DataDir { get; }

    /// <summary>The current address; it changes with a restart, and clients of <see cref="Client"/> follow it.</summary>
    public Uri BaseUri => _host.BaseUri;

    private ChildProcessHost[] Children => _host is NodesHost nodes ? nodes.Nodes : _host is ChildProcessHost child ? [child] : [];

    private ChildProcessHost? Child => Children.FirstOrDefault();

    /// <summary>The server's own services; only in process.</summary>
    public IServiceProvider Services => (_host as InProcessHost)?.Services
        ?? throw new InvalidOperationException("Only in process: mark the test [Trait(\"Mode\", \"InProcess\")].");

    /// <summary>What the native server has printed so far; empty in process.</summary>
    public string Output => Child?.Output ?? "";

    /// <summary>The native server's next line that contains this text; each line is returned once.</summary>
    public Task<string> NextLine(string part) =>
        Child?.NextLine(part) ?? throw new InvalidOperationException("Only for the native server.");

    public int ProcessId => Child?.ProcessId ?? Environment.ProcessId;

    /// <summary>How the native server's process ended.</summary>
    public int ExitCode => Child?.ExitCode ?? throw new InvalidOperationException("Only for the native server.");

    /// <summary>Starts a new peak measurement and returns the native server's memory in bytes; null in process.</summary>
    public long? ResetPeak() => Child?.ResetPeak();

    /// <summary>The native server's peak memory since <see cref="ResetPeak"/>, in bytes.</summary>
    public long PeakBytes() =>
        Child?.MemoryBytes("VmHWM:") ?? throw new InvalidOperationException("Only for the native server.");

    /// <summary>
    /// The growth of the native server's peak in bytes since <see cref="ResetPeak"/> returned <paramref name="before"/>. Never
    /// negative: the kernel counts pages per thread and adds them up late, so the peak can be a little below the earlier value.
    /// </summary>
    public long GrownSince(long before) => Math.Max(0, PeakBytes() - before);

    /// <exception cref="ServerStartException">The server refused to start.</exception>
    public static async Task<TestServer> StartAsync(TestServerOptions? options = null)
    {
        options ??= new TestServerOptions();
        var dataDir = options.DataDir ?? Directory.CreateTempSubdirectory("aichat-test-").FullName;
        try
        {
            return new TestServer(options, await StartHostAsync(options, dataDir), dataDir);
        }
        catch when (options.DataDir is null)
        {
            Directory.Delete(dataDir, recursive: true);
            throw;
        }
    }

    /// <summary>
    /// A browser: keeps cookies, sends the Origin that the page would send, and calls from an address of its own, so that limits
    /// by address do not affect other tests. Paths are relative to the server.
    /// </summary>
    /// <param name="from">The address to call from, of 127.0.0.0/8; null takes a random one.</param>
    public HttpClient Client(IPAddress? from = null)
    {
        var client = new HttpClient(new BrowserHandler(() => BaseUri, from ?? BrowserHandler.RandomLoopback()))
        {
            BaseAddress = BrowserHandler.Placeholder,
            Timeout = TimeSpan.FromSeconds(60),
        };
        lock (_clients)
        {
            _clients.Add(client);
        }

        return client;
    }

    /// <summary>Registers the first account and returns the browser it is signed in with.</summary>
    public async Task<HttpClient> RegisterAdminAsync(string username = "admin", string password = Password)
    {
        var client = Client();
        await (await client.PostJson("/api/auth/register", new { username, password, setupCode = SetupCode }))
            .Expect(HttpStatusCode.Created);
        return client;
    }

    /// <summary>Registers another account; approved by <paramref name="admin"/> it is signed in, otherwise it is left waiting.</summary>
    public async Task<HttpClient> RegisterUserAsync(HttpClient? admin, string? username = null, string password = Password)
    {
        username ??= "user" + Interlocked.Increment(ref _names).ToString(CultureInfo.InvariantCulture);
        var client = Client();
        var registered = await (await client.PostJson("/api/auth/register", new { username, password })).Json(HttpStatusCode.Accepted);
        if (admin is null)
        {
            return client;
        }

        var id = registered.GetProperty("user").GetProperty("id").GetInt64();
        (await admin.PostJson($"/api/users/{id}/approve", new { })).EnsureSuccessStatusCode();
        await (await client.PostJson("/api/auth/login", new { username, password })).Expect(HttpStatusCode.OK);
        return client;
    }

    /// <summary>Ends the process as a power cut would: nothing is flushed. Only for the native server.</summary>
    public Task KillAsync() => Child is not null
        ? Task.WhenAll(Children.Select(child => child.KillAsync()))
        : throw new InvalidOperationException("kill -9 needs the native server: mark the test [NativeFact].");

    /// <summary>Stops the server with SIGTERM and waits for its end.</summary>
    public Task StopAsync() => _host.StopAsync();

    /// <summary>Stops the server, if it still runs, and starts it again on the same data folder.</summary>
    public async Task RestartAsync(TestServerOptions? options = null)
    {
        await _host.StopAsync();
        await _host.DisposeAsync();
        _host = await StartHostAsync(options ?? _options, DataDir);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        await _host.DisposeAsync();
        if (_ownsFolder)
        {
            PostgresServer.Drop(DataDir);
            Directory.Delete(DataDir, recursive: true);
        }
    }

    private static async Task<IServerHost> StartHostAsync(TestServerOptions options, string dataDir)
    {
        var variables = new Dictionary<string, string>
        {
            ["PORT"] = "0",
            ["HOST"] = "127.0.0.1",
            ["DATA_DIR"] = dataDir,
            ["LOG_LEVEL"] = "info",
            ["AICHAT_SETUP_CODE"] = SetupCode,
        };
        foreach (var (name, value) in options.Variables)
        {
            variables[name] = value;
        }

        if (PostgresServer.UrlFor(dataDir) is { } database)
        {
            variables.TryAdd("DATABASE_URL", database);
        }

        if ((options.Binary ?? Binary) is not { } binary)
        {
            return await InProcessHost.StartAsync(variables, options);
        }

        return options.NeedsInProcess
            ? throw new InvalidOperationException("This test changes the server from inside: mark it [Trait(\"Mode\", \"InProcess\")].")
            : NodesHost.IsAsked && variables.ContainsKey("DATABASE_URL") ? await NodesHost.StartAsync(binary, variables)
            : await ChildProcessHost.StartAsync(binary, variables);
    }
}
