using System.Net;

namespace AiChat.Tests.Api;

public sealed class HealthTests
{
    [Fact]
    public async Task Health_answers_ok_to_anyone()
    {
        await using var server = await TestServer.StartAsync();
        var health = await server.Client().GetJson("/api/health");
        Assert.Equal("ok", health.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_restarted_server_answers_the_same_client()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        await client.GetJson("/api/health");
        await server.RestartAsync();
        await (await client.GetAsync("/api/health")).Expect(HttpStatusCode.OK);
    }

    [NativeFact]
    public async Task A_killed_server_starts_again_on_its_folder()
    {
        await using var server = await TestServer.StartAsync();
        await server.KillAsync();
        await server.RestartAsync();
        await server.Client().GetJson("/api/health");
    }

    [Fact]
    public async Task A_wrong_variable_is_named_and_refused()
    {
        var options = new TestServerOptions { Variables = new Dictionary<string, string> { ["PORT"] = "many" } };
        var error = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(options));
        Assert.Contains("PORT", error.Message);
        Assert.NotEqual(0, error.ExitCode);
    }
}
