using AiChat.Data;
using AiChat.Endpoints.Secrets;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Api;

/// <summary>The master key and what is encrypted with it.</summary>
public sealed class SecretsTests : IDisposable
{
    private const string Key = "sk-CANARY-7f3a0123456789";
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_sealed_text_opens_only_in_its_place_on_its_installation()
    {
        await using var one = await TestServer.StartAsync();
        await using var two = await TestServer.StartAsync();
        var cipher = one.Services.GetRequiredService<SecretCipher>();
        var first = cipher.Seal(SecretPurpose.ProviderSecrets, "connections|secret_keys|a|v1", Key);
        var second = cipher.Seal(SecretPurpose.ProviderSecrets, "connections|secret_keys|a|v1", Key);
        Assert.NotEqual(first, second);
        Assert.StartsWith("v1.", first);
        Assert.DoesNotContain("CANARY", first);
        Assert.Equal(Key, cipher.Open(SecretPurpose.ProviderSecrets, "connections|secret_keys|a|v1", first));
        Assert.Null(cipher.Open(SecretPurpose.ProviderSecrets, "connections|secret_keys|b|v1", first));
        Assert.Null(cipher.Open(SecretPurpose.UrlSign, "connections|secret_keys|a|v1", first));
        Assert.Null(
            two.Services.GetRequiredService<SecretCipher>().Open(SecretPurpose.ProviderSecrets, "connections|secret_keys|a|v1", first));
        for (var length = 0; length < first.Length; length++)
        {
            Assert.Null(cipher.Open(SecretPurpose.ProviderSecrets, "connections|secret_keys|a|v1", first[..length]));
        }

        foreach (var text in new[] { "", "v1", "v1...", "v2" + first[2..], first + ".x", "plain text", "v1.x.é.é" })
        {
            Assert.Null(cipher.Open(SecretPurpose.ProviderSecrets, "connections|secret_keys|a|v1", text));
        }
    }

    [Fact]
    public async Task A_key_that_others_can_read_stops_the_start()
    {
        await StartOnce();
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        await Refused("chmod 600");
    }

    [Fact]
    [Trait("Store", "File")]
    public async Task A_changed_or_missing_key_stops_the_start_once_something_hangs_on_it()
    {
        await StartOnce();
        var key = await File.ReadAllBytesAsync(KeyFile);

        // Nothing is encrypted yet, so a new key works too.
        File.Delete(KeyFile);
        await StartOnce();
        Assert.NotEqual(key, await File.ReadAllBytesAsync(KeyFile));
        var used = await File.ReadAllBytesAsync(KeyFile);

        Execute("update connections set secret_keys = 'v1.0.0.0'");
        File.Delete(KeyFile);
        await Refused("missing");
        Assert.False(File.Exists(KeyFile));
        await WriteKey(key);
        await Refused("not the one");
        await WriteKey("garbage"u8.ToArray());
        await Refused("32 bytes");
        await WriteKey(used);
        await StartOnce();
    }

    [Fact]
    public async Task A_key_can_come_from_the_environment()
    {
        var key = Convert.ToBase64String(new byte[32]);
        await using (await TestServer.StartAsync(Options(("AICHAT_MASTER_KEY", key))))
        {
        }

        Assert.False(File.Exists(KeyFile));
        Execute("update connections set secret_keys = 'v1.0.0.0'");
        var named = Path.Combine(_folder, "given.key");
        await File.WriteAllTextAsync(named, key);
        File.SetUnixFileMode(named, UnixFileMode.UserRead);
        await using (await TestServer.StartAsync(Options(("AICHAT_MASTER_KEY_FILE", named))))
        {
        }

        await Refused("missing");
        await Refused("AICHAT_MASTER_KEY", ("AICHAT_MASTER_KEY", "too short"));
    }

    [Fact]
    public void Known_secrets_and_key_shapes_leave_the_text()
    {
        var redactor = new Redactor();
        redactor.Add("correct-horse-battery");
        redactor.Add("short");
        Assert.Equal("a [redacted] b short", redactor.Clean("a correct-horse-battery b short"));
        Assert.Equal("Incorrect API key provided: sk-[redacted].", redactor.Clean($"Incorrect API key provided: {Key}."));
        Assert.Equal("Authorization: Bearer [redacted]", redactor.Clean("Authorization: Bearer abcdefghijk.lmn"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string KeyFile => Path.Combine(_folder, "master.key");

    private TestServerOptions Options(params (string Name, string Value)[] variables) =>
        new() { DataDir = _folder, Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value) };

    private async Task StartOnce()
    {
        await using var server = await TestServer.StartAsync(Options());
    }

    private async Task Refused(string reason, params (string Name, string Value)[] variables)
    {
        var error = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(Options(variables)));
        Assert.Contains(reason, error.Message);
        Assert.Equal(StartupException.Configuration, error.ExitCode);
    }

    private async Task WriteKey(byte[] content)
    {
        await File.WriteAllBytesAsync(KeyFile, content);
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private void Execute(string sql)
    {
        using var connection = TestStore.Open(_folder);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
