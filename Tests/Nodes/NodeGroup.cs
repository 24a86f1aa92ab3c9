using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Nodes;

/// <summary>
/// Several servers on one PostgreSQL database, as they stand behind a balancer. The first account is made by <see cref="Admin"/>.
/// </summary>
internal sealed class NodeGroup : IAsyncDisposable
{
    public const string MasterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    private readonly List<TestServer> _servers = [];
    private readonly List<HttpClient> _clients = [];

    /// <summary>Shared by all, as a folder of the network would be.</summary>
    private readonly string _images = Directory.CreateTempSubdirectory("aichat-images-").FullName;

    private NodeGroup(string database) => Database = database;

    public string Database { get; }

    public TestServer A => _servers[0];

    public TestServer B => _servers[1];

    public IReadOnlyList<TestServer> All => _servers;

    /// <summary>Two servers, without a limit on requests.</summary>
    public static async Task<NodeGroup> Two(string query = "")
    {
        var group = new NodeGroup(PostgresServer.NewDatabaseUrl() + query);
        await group.Add();
        await group.Add();
        return group;
    }

    /// <summary>None yet.</summary>
    public static NodeGroup Empty(string query = "") => new(PostgresServer.NewDatabaseUrl() + query);

    /// <param name="binary">Runs it as a process of its own.</param>
    /// <param name="reached">Whether the others are told where it is.</param>
    /// <param name="variables">Are set besides.</param>
    /// <param name="dataDir">A folder to use and leave behind.</param>
    public async Task<TestServer> Add(
        string? binary = null, bool reached = true, string? masterKey = MasterKey, Dictionary<string, string>? variables = null,
        string? dataDir = null)
    {
        var server = await TestServer.StartAsync(Options(binary, reached, masterKey, variables ?? []) with { DataDir = dataDir });
        lock (_servers)
        {
            _servers.Add(server);
        }

        return server;
    }

    private TestServerOptions Options(string? binary, bool reached, string? masterKey, Dictionary<string, string> more)
    {
        var port = TestPorts.Free();
        var variables = new Dictionary<string, string>(more) { ["PORT"] = $"{port}" };
        variables.TryAdd("DATABASE_URL", Database);
        variables.TryAdd("CHAT_IMAGE_DIR", _images);
        if (reached)
        {
            variables["NODE_URL"] = $"http://127.0.0.1:{port}";
        }

        if (masterKey is not null)
        {
            variables["AICHAT_MASTER_KEY"] = masterKey;
        }

        return new TestServerOptions { Variables = variables, Binary = binary };
    }

    /// <summary>A browser whose requests go to the server that it is sent to.</summary>
    public Roaming Browser(TestServer at)
    {
        var roaming = new Roaming(at);
        lock (_clients)
        {
            _clients.Add(roaming.Http);
        }

        return roaming;
    }

    /// <summary>The first account, signed in at the first server, without a limit on requests.</summary>
    public async Task<Roaming> Admin()
    {
        var admin = Browser(A);
        await (await admin.Http.PostJson(
            "/api/auth/register", new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode }))
            .Expect(HttpStatusCode.Created);
        await Set(admin, new { requestsPerMinute = 0, maxRunsPerUser = 0 });
        return admin;
    }

    /// <summary>An approved account, signed in at the first server.</summary>
    public async Task<Roaming> User(Roaming admin, string name = "person")
    {
        var user = Browser(A);
        var registered = await (await user.Http.PostJson("/api/auth/register", new { username = name, password = TestServer.Password }))
            .Json(HttpStatusCode.Accepted);
        var id = registered.GetProperty("user").Id();
        (await admin.At(A).PostJson($"/api/users/{id}/approve", new { })).EnsureSuccessStatusCode();
        await (await user.Http.PostJson("/api/auth/login", new { username = name, password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        return user;
    }

    public static async Task Set(Roaming admin, object settings) =>
        await (await admin.Http.PatchJson("/api/settings/system", settings)).Expect(HttpStatusCode.OK);

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        Directory.Delete(_images, recursive: true);
    }
}

/// <summary>A browser behind a balancer: its cookies go along to whichever server it is sent to.</summary>
internal sealed class Roaming
{
    private TestServer _at;

    public Roaming(TestServer at)
    {
        _at = at;
        Http = new HttpClient(new BrowserHandler(() => _at.BaseUri, BrowserHandler.RandomLoopback()))
        {
            BaseAddress = BrowserHandler.Placeholder,
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    public HttpClient Http { get; }

    /// <summary>Further requests go there.</summary>
    public HttpClient At(TestServer server)
    {
        _at = server;
        return Http;
    }
}
