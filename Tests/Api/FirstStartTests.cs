using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests.Api;

/// <summary>A first start that is refused leaves nothing behind that stops the second.</summary>
public sealed class FirstStartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    public static TheoryData<string, string> Mistakes => new()
    {
        { "CHAT_IMAGE_DIR", "/proc/none" }, { "CHAT_IMAGE_DIR", "/dev/null" }, { "DATABASE_URL", "file:/proc/none/app.db" },
        { "DATABASE_URL", "file:/dev/null/app.db" }, { "DATABASE_URL", "postgres://db/chat" }, { "HOST", "203.0.113.7" },
        { "HOST", "elsewhere.example.org" }, { "TRUSTED_PROXIES", "proxy" }, { "JWT_SECRET", "short" }, { "AICHAT_MASTER_KEY", "short" },
        { "AICHAT_MASTER_KEY_FILE", "/proc/none" }, { "AICHAT_SETUP_CODE", "short" }, { "METRICS_TOKEN", "short" },
        { "SSE_HEARTBEAT_INTERVAL_MS", "5" }, { "WEB_SEARCH_API_KEY_FILE", "/proc/none" }, { "DB_INIT_ON_START", "perhaps" },
        { "PORT", "taken" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task After_a_mistake_the_right_start_needs_no_more(string name, string value)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        value = value == "taken" ? $"{((IPEndPoint)taken.LocalEndpoint).Port}" : value;
        await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(Options((name, value))));
        await using var server = await TestServer.StartAsync(Options());
        await server.RegisterAdminAsync();
    }

    [Fact]
    [Trait("Store", "File")]
    public async Task The_folder_of_the_database_is_made()
    {
        var path = Path.Combine(_folder, "deep", "below", "chat.db");
        await using var server = await TestServer.StartAsync(Options(("DATABASE_URL", $"file:{path}?connection_limit=1")));
        Assert.True(File.Exists(path));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(path)!));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private TestServerOptions Options(params (string Name, string Value)[] variables) =>
        new() { DataDir = _folder, Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value) };
}
