using System.Data.Common;
using System.Net;
using AiChat.Data;
using AiChat.Data.Audit;
using AiChat.Data.Store;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Api;

/// <summary>
/// On a full disk users can still sign in and read. The tests forbid the database to grow, which SQLite reports as a full disk.
/// </summary>
[Trait("Mode", "InProcess")]
public sealed class FullDiskTests
{
    [Fact]
    public async Task People_log_in_and_read_on_a_full_disk()
    {
        await using var server = await TestServer.StartAsync();
        var before = await server.RegisterAdminAsync();
        await (await before.PostJson("/api/sessions", new { title = "Readable" })).Expect(HttpStatusCode.Created);
        var script =
            await (await server.Client().PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password })).Json();
        await Fill(server);

        await (await before.PostJson("/api/keys", new { name = "Too much" }))
            .ExpectProblem(HttpStatusCode.InsufficientStorage, "storage_full");
        var browser = server.Client();
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = "wrong-CANARY" }))
            .ExpectProblem(HttpStatusCode.Unauthorized, "invalid_credentials");
        var login = await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password });
        await login.Expect(HttpStatusCode.OK);
        Assert.DoesNotContain(
            login.Headers.GetValues("Set-Cookie"), cookie => cookie.StartsWith("aichat_refresh", StringComparison.Ordinal));
        Assert.Equal("Readable", (await browser.GetJson("/api/sessions")).GetProperty("items")[0].GetProperty("title").GetString());
        Assert.Equal("admin", (await browser.GetJson("/api/auth/me")).GetProperty("user").GetProperty("username").GetString());

        // Earlier logins stay: access tokens are renewed, and refresh tokens are exchanged only where the row fits in place.
        await (await before.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        await (await before.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        var refreshToken = script.GetProperty("refreshToken").GetString();
        var renewed = await (await server.Client().PostJson("/api/auth/token", new { refreshToken })).Json();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/sessions");
        request.Headers.Add("Authorization", $"Bearer {renewed.GetProperty("accessToken").GetString()}");
        await (await server.Client().SendAsync(request)).Expect(HttpStatusCode.OK);
        await (await server.Client().PostJson("/api/auth/token", new { refreshToken = $"{refreshToken!.Split('.')[0]}.x" }))
            .Expect(HttpStatusCode.Unauthorized);

        await (await browser.PostJson("/api/auth/logout", new { })).Expect(HttpStatusCode.NoContent);
        await (await browser.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_login_that_was_not_recorded_ends_with_its_user_and_with_the_process()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await Fill(server);
        var first = server.Client();
        var second = server.Client();
        await (await first.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await (await second.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await Empty(server);
        await (await first.PostJson("/api/keys", new { name = "Room again" })).Expect(HttpStatusCode.Created);
        await (await admin.PostJson("/api/auth/logout-all", new { })).Expect(HttpStatusCode.NoContent);
        await (await first.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        await (await second.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
    }

    /// <summary>Fills the free space of the pages that hold logins and audit entries.</summary>
    private static async Task Fill(TestServer server)
    {
        var db = server.Services.GetRequiredService<Db>();
        await db.Write(connection => Run(connection, $"pragma max_page_count = {Run(connection, "pragma page_count")}"));
        var rows = 0;
        foreach (var length in new[] { 300, 30, 0 })
        {
            var text = new string('x', length);
            await UntilFull(() => db.Write(
                connection => AuditLog.Append(connection, new AuditEntry(1, "filler", text, null), DateTimeOffset.UnixEpoch)));
            await UntilFull(() => db.Write(connection => Run(connection, $"""
                insert into logins (
                    user_id, kind, family_hash, refresh_hash, rotated_at, ip, user_agent, created_at, last_used_at, expires_at)
                values (1, 'api', '{rows++}', '', 0, '', '{text}', 0, 0, 0)
                """)));
        }
    }

    private static async Task UntilFull(Func<Task> write)
    {
        try
        {
            while (true)
            {
                await write();
            }
        }
        catch (StoreException full) when (full.Failure == StoreFailure.Full)
        {
            // Expected.
        }
    }

    private static Task<object?> Empty(TestServer server) =>
        server.Services.GetRequiredService<Db>().Write(connection => Run(connection, "pragma max_page_count = 1000000"));

    private static object? Run(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
