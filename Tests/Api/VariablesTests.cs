using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Api;

/// <summary>Which of a saved setting and its variable holds, as administrators and the console are told.</summary>
public sealed class VariablesTests : IDisposable
{
    private const string Token = "metrics-CANARY-0123456789";
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Fact]
    public async Task A_saved_value_is_told_to_hold_over_its_variable()
    {
        await using var server = await TestServer.StartAsync(Options(("BRAND_TEXT", "Outside"), ("METRICS_TOKEN", Token)));
        var admin = await server.RegisterAdminAsync();
        var brand = await Find(admin, "BRAND_TEXT");
        Assert.Equal(("environment", "Outside", false), Told(brand));
        Assert.Equal("brandText", brand.GetProperty("key").GetString());
        Assert.Equal("default", (await Find(admin, "ACCENT_HUE")).GetProperty("source").GetString());
        Assert.Equal("127.0.0.1", (await Find(admin, "HOST")).GetProperty("value").GetString());

        await (await admin.PatchJson("/api/settings/system", new { brandText = "Inside", accentHue = 7 })).Expect(HttpStatusCode.OK);
        Assert.Equal(("saved", "Inside", true), Told(await Find(admin, "BRAND_TEXT")));
        Assert.False((await Find(admin, "ACCENT_HUE")).GetProperty("overridden").GetBoolean());
        await (await admin.PatchJson("/api/settings/system", new { brandText = (string?)null })).Expect(HttpStatusCode.OK);
        Assert.Equal(("environment", "Outside", false), Told(await Find(admin, "BRAND_TEXT")));

        var token = await Find(admin, "METRICS_TOKEN");
        Assert.True(token.GetProperty("set").GetBoolean() && token.GetProperty("secret").GetBoolean());
        Assert.DoesNotContain("CANARY", await admin.GetStringAsync("/api/settings/variables"));
    }

    [NativeFact]
    public async Task The_file_in_the_working_directory_is_read_and_named()
    {
        // The server under test starts in its data folder.
        await File.WriteAllTextAsync(
            Path.Combine(_folder, ".env"),
            "\uFEFF# of Windows\r\nBRAND_TEXT=\"From a file\"\r\nLOG_LEVEL=none\r\nAICHAT_MASTERKEY=x\r\nTZ=Asia/Shanghi\r\n");
        await using var server = await TestServer.StartAsync(Options(("NODE_ENV", "production")));
        Assert.Contains($"Read {_folder}/.env: BRAND_TEXT, TZ; the environment or a later file wins for LOG_LEVEL.\n", server.Output);
        Assert.Contains("Without effect: NODE_ENV (there is one mode).\n", server.Output);
        Assert.Contains("Not known and ignored: AICHAT_MASTERKEY (did you mean AICHAT_MASTER_KEY?).\n", server.Output);
        Assert.Contains("TZ=Asia/Shanghi is not known, so times count in UTC: did you mean Asia/Shanghai?\n", server.Output);
        var admin = await server.RegisterAdminAsync();
        Assert.Equal("From a file", (await admin.GetJson("/api/settings/branding")).GetProperty("brandText").GetString());
        await (await admin.PatchJson("/api/settings/system", new { brandText = "Inside" })).Expect(HttpStatusCode.OK);

        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        await server.RestartAsync();
        Assert.Contains(
            $"Saved on the page and used instead of the variable: brandText (BRAND_TEXT in {_folder}/.env).\n", server.Output);
        Assert.Contains($"{_folder} is open to other users of this machine (mode 755); run: chmod 700 {_folder}\n", server.Output);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private TestServerOptions Options(params (string Name, string Value)[] variables) =>
        new() { DataDir = _folder, Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value) };

    private static async Task<JsonElement> Find(HttpClient admin, string name) =>
        (await admin.GetJson("/api/settings/variables")).GetProperty("items").EnumerateArray()
            .Single(item => item.GetProperty("name").GetString() == name);

    private static (string? Source, string? Value, bool Overridden) Told(JsonElement item) => (
        item.GetProperty("source").GetString(), item.GetProperty("value").GetString(), item.GetProperty("overridden").GetBoolean());
}
