using System.Net;
using AiChat.Data;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Secrets;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Api;

/// <summary>A change of the master key: every secret or none, wherever it is interrupted.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private const string Key = "sk-CANARY-abcdefgh1234";
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Fact]
    [Trait("Store", "File")]
    public async Task Every_secret_is_read_with_the_new_key_alone()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var (admin, connection, shared) = await Fill(server, upstream);
        var before = File.ReadAllText(File_("master.key"));

        using (var socket = Executable.Operator(_folder))
        {
            var changed = await (await socket.PostJson("/api/master-key/rotate", new { })).Json();
            Assert.Equal(4, changed.GetProperty("secrets").GetInt32()); // keys, headers, search key, link
            Assert.Equal(0, changed.GetProperty("unreadable").GetInt32());
        }

        var oldId = Kid(before);
        Assert.NotEqual(before, File.ReadAllText(File_("master.key")));
        Assert.Equal(before, File.ReadAllText(File_("master.key.old")));
        await Works(admin, upstream, connection, shared); // while it runs, with what is in its memory
        await (await admin.PutJson($"/api/connections/{connection}", new { name = "Renamed" })).Expect(HttpStatusCode.OK);
        File.Delete(File_("master.key.old"));
        await server.RestartAsync();
        await Works(admin, upstream, connection, shared);
        await server.StopAsync();
        Assert.DoesNotContain(Texts(), text => text.StartsWith($"v1.{oldId}.", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Nodes", "One")] // the key is changed while one server runs
    public async Task Access_tokens_of_the_old_key_end_and_logins_go_on()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        await server.RegisterAdminAsync();
        var tokens = await (await server.Client().PostJson(
            "/api/auth/token", new { username = "admin", password = TestServer.Password })).Json();
        using var script = new HttpClient { BaseAddress = server.BaseUri };
        script.DefaultRequestHeaders.Authorization = new("Bearer", tokens.Text("accessToken"));
        await (await script.GetAsync("/api/users")).Expect(HttpStatusCode.OK);
        using (var socket = Executable.Operator(_folder))
        {
            await (await socket.PostJson("/api/master-key/rotate", new { })).Expect(HttpStatusCode.OK);
        }

        await (await script.GetAsync("/api/users")).Expect(HttpStatusCode.Unauthorized);
        var renewed = await (await server.Client().PostJson("/api/auth/token", new { refreshToken = tokens.Text("refreshToken") })).Json();
        script.DefaultRequestHeaders.Authorization = new("Bearer", renewed.Text("accessToken"));
        await (await script.GetAsync("/api/users")).Expect(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Nodes", "One")] // the key is changed while one server runs
    public async Task A_start_settles_a_change_that_was_cut_off(bool written)
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var (admin, connection, shared) = await Fill(server, upstream);
        if (written)
        {
            using var socket = Executable.Operator(_folder);
            await (await socket.PostJson("/api/master-key/rotate", new { })).Expect(HttpStatusCode.OK);
        }

        await server.StopAsync();
        if (written)
        {
            // The database is written, and the machine failed before the new key took its place.
            File.Move(File_("master.key"), File_("master.key.next"));
            File.Move(File_("master.key.old"), File_("master.key"));
        }
        else
        {
            // The new key is on disk, and the machine failed before the database was written.
            File.WriteAllText(File_("master.key.next"), Convert.ToBase64String(new byte[32]));
            File.SetUnixFileMode(File_("master.key.next"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        await server.RestartAsync();
        await Works(admin, upstream, connection, shared);
        Assert.False(File.Exists(File_("master.key.next")));
        Assert.Equal(written, File.Exists(File_("master.key.old")));
    }

    [NativeFact]
    public async Task A_kill_at_any_moment_loses_no_secret()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var (admin, connection, shared) = await Fill(server, upstream);
        await server.StopAsync();
        var random = new Random(4711);
        for (var round = 0; round < 12; round++)
        {
            using var process = Executable.Start(null, _folder, [], "rotate-key");
            await Task.WhenAny(process.WaitForExitAsync(), Task.Delay(random.Next(10, 120)));
            process.Kill();
            await process.WaitForExitAsync();
        }

        await server.RestartAsync();
        await Works(admin, upstream, connection, shared);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task What_was_sealed_before_the_change_is_not_stored_after_it()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var cipher = server.Services.GetRequiredService<SecretCipher>();
        var connections = server.Services.GetRequiredService<Connections>();
        var settings = server.Services.GetRequiredService<SettingStore>();
        var audit = new AuditEntry(null, "test", null, null);
        var late = cipher.Seal(SecretPurpose.ProviderSecrets, "connections|secret_keys|x|v1", "[]");
        await server.Services.GetRequiredService<KeyRotation>().Change(null, audit);
        var row = (await connections.List())[0] with { SecretKeys = late };

        var now = DateTimeOffset.UnixEpoch;
        var put = new Dictionary<string, string?> { ["webSearchApiKey tavily "] = late };
        Assert.Equal(
            StoreFailure.Busy, (await Assert.ThrowsAsync<StoreException>(() => connections.Update(row, _ => audit, now))).Failure);
        Assert.Equal(StoreFailure.Busy, (await Assert.ThrowsAsync<StoreException>(() => settings.Put(put, audit, now))).Failure);
        await Assert.ThrowsAsync<StoreException>(() => connections.Insert(row with { RowUuid = "other" }, _ => audit, now));
    }

    [Fact]
    [Trait("Nodes", "One")] // the key is changed while one server runs
    public async Task A_key_that_is_kept_elsewhere_is_brought_by_the_operator()
    {
        var (one, two) = (Convert.ToBase64String(new byte[32]), Convert.ToHexString(Enumerable.Repeat((byte)7, 32).ToArray()));
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var server = await TestServer.StartAsync(With(one));
        var (admin, connection, shared) = await Fill(server, upstream);
        using (var socket = Executable.Operator(_folder))
        {
            await (await socket.PostJson("/api/master-key/rotate", new { })).ExpectProblem(HttpStatusCode.Conflict, "new_key_required");
            await (await socket.PostJson("/api/master-key/rotate", new { newKey = "short" })).Expect(HttpStatusCode.UnprocessableEntity);
            await (await socket.PostJson("/api/master-key/rotate", new { newKey = two })).Expect(HttpStatusCode.OK);
        }

        await Works(admin, upstream, connection, shared);
        Assert.Empty(Directory.GetFiles(_folder, "master.key*"));
        var refusal = await Assert.ThrowsAsync<ServerStartException>(() => server.RestartAsync(With(one)));
        Assert.Contains("not the one this database was written with", refusal.Message);
        await server.RestartAsync(With(two));
        var login = server.Client();
        await (await login.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await Works(login, upstream, connection, shared);
    }

    [Fact]
    [Trait("Store", "File")]
    public async Task The_list_of_sealed_columns_is_that_of_the_tables()
    {
        await using (await TestServer.StartAsync(new TestServerOptions { DataDir = _folder }))
        {
        }

        var columns = Rows("""
            select m.name || '.' || c.name from sqlite_master m, pragma_table_info(m.name) c
            where m.type = 'table' and (c.name like 'secret\_%' escape '\' or c.name like 'sealed\_%' escape '\') order by 1
            """);
        var known = SealedTexts.Columns.Select(column => $"{column.Table}.{column.Column}").Where(name => name != "settings.value");
        Assert.Equal(columns, known.Order(StringComparer.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private TestServerOptions With(string key) => new()
    {
        DataDir = _folder,
        Variables = new Dictionary<string, string> { ["AICHAT_MASTER_KEY"] = key },
    };

    private string File_(string name) => Path.Combine(_folder, name);

    /// <summary>An account, and a secret of each kind.</summary>
    private static async Task<(HttpClient Admin, long Connection, long Shared)> Fill(TestServer server, FakeUpstream upstream)
    {
        var admin = await server.RegisterAdminAsync();
        var connection = (await (await admin.PostJson("/api/connections", new
        {
            name = "Ours",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            key = Key,
            local = true,
            headers = new Dictionary<string, string> { ["X-Org"] = "head-CANARY" },
        })).Json(HttpStatusCode.Created)).Id();
        await (await admin.PatchJson("/api/settings/system", new { webSearchApiKey = "tvly-CANARY" })).Expect(HttpStatusCode.OK);
        var session = (await (await admin.PostJson("/api/sessions", new { })).Json(HttpStatusCode.Created)).Id();
        await (await admin.PostJson("/api/chat/completion", new
        {
            sessionId = session,
            content = "hello",
            clientMessageId = "m1",
            connectionId = connection,
            model = "gpt-4o",
        })).Expect(HttpStatusCode.OK);
        await (await admin.PostJson($"/api/sessions/{session}/share", new { })).Expect(HttpStatusCode.Created);
        return (admin, connection, session);
    }

    /// <summary>Each secret reaches the place that it is for.</summary>
    private static async Task Works(HttpClient admin, FakeUpstream upstream, long connection, long session)
    {
        if ((await admin.GetAsync("/api/auth/me")).StatusCode == HttpStatusCode.Unauthorized)
        {
            await (await admin.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        }

        var count = upstream.Exchanges.Count;
        var verified = await (await admin.PostJson("/api/connections/verify", new { id = connection })).Json();
        Assert.True(verified.GetProperty("ok").GetBoolean(), verified.GetRawText());
        Assert.True(upstream.Exchanges.Count > count);
        Assert.All(upstream.Exchanges, exchange =>
        {
            Assert.Equal($"Bearer {Key}", exchange.Request.Headers["Authorization"]);
            Assert.Equal("head-CANARY", exchange.Request.Headers["X-Org"]);
        });
        Assert.True((await admin.GetJson("/api/settings/system")).GetProperty("webSearchApiKey").GetProperty("set").GetBoolean());
        var token = (await admin.GetJson($"/api/sessions/{session}/share")).Text("token");
        await admin.GetJson($"/api/shares/{token}");
    }

    private string Kid(string key)
    {
        var instance = System.Text.Json.JsonDocument.Parse(File.ReadAllText(File_("instance.json"))).RootElement.Text("installId")!;
        return new KeyGeneration(Convert.FromBase64String(key.Trim()), instance, null).Id;
    }

    private List<string> Texts() => Rows("""
        select value from settings union all select secret_keys from connections where secret_keys is not null
        union all select secret_headers from connections where secret_headers is not null union all select sealed_token from shares
        """);

    private List<string> Rows(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File_("app.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }
}
