using System.Net;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Api;

/// <summary>Account administration and its immediate effect.</summary>
public sealed class UsersTests
{
    [Fact]
    public async Task An_approved_account_can_sign_in_a_rejected_one_learns_why()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await server.RegisterUserAsync(admin, "welcome_1");
        var rejected = await server.RegisterUserAsync(admin: null, "unwanted");
        var id = await IdOf(admin, "unwanted");
        var view = await (await admin.PostJson($"/api/users/{id}/reject", new { reason = "Who are you?" })).Json();
        Assert.Equal("Who are you?", view.GetProperty("rejectionReason").GetString());
        var problem = await (await rejected.PostJson("/api/auth/login", new { username = "unwanted", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Forbidden, "account_disabled");
        Assert.Equal("Who are you?", problem.GetProperty("detail").GetString());
        await (await admin.PostJson($"/api/users/{id}/approve", new { })).ExpectProblem(HttpStatusCode.Conflict, "wrong_state");
        await (await admin.PostJson("/api/users/999/approve", new { })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task Lists_filter_and_page_without_secrets()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var name in new[] { "anna_1", "anna_2", "bert" })
        {
            await server.RegisterUserAsync(admin: null, name);
        }

        var page = await admin.GetJson("/api/users?limit=2&status=PENDING");
        Assert.Equal(
            ["bert", "anna_2"], page.GetProperty("items").EnumerateArray().Select(user => user.GetProperty("username").GetString()!));
        var next = await admin.GetJson($"/api/users?limit=2&status=PENDING&cursor={page.GetProperty("nextCursor").GetString()}");
        Assert.Equal("anna_1", next.GetProperty("items")[0].GetProperty("username").GetString());
        Assert.Equal(JsonValueKind.Null, next.GetProperty("nextCursor").ValueKind);
        Assert.Equal(2, (await admin.GetJson("/api/users?q=NNA_")).GetProperty("items").GetArrayLength());
        Assert.Equal(0, (await admin.GetJson("/api/users?q=%25")).GetProperty("items").GetArrayLength());

        var raw = await admin.GetStringAsync("/api/users") + await admin.GetStringAsync("/api/auth/me")
            + await admin.GetStringAsync("/api/auth/logins");
        foreach (var secret in new[] { "argon2", "hash", "epoch", "code", TestServer.Password })
        {
            Assert.DoesNotContain(secret, raw, StringComparison.OrdinalIgnoreCase);
        }

        foreach (var query in new[] { "limit=0", "limit=101", "status=active", "cursor=x", "cursor=-1" })
        {
            await (await admin.GetAsync($"/api/users?{query}")).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        await (await admin.GetAsync("/api/users?limit=x")).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Fact]
    public async Task The_last_active_admin_stays()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var id = await IdOf(admin, "admin");
        await (await admin.PutJson($"/api/users/{id}/role", new { role = "USER" })).ExpectProblem(HttpStatusCode.Conflict, "last_admin");
        await (await admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED" }))
            .ExpectProblem(HttpStatusCode.Conflict, "last_admin");
        await (await admin.DeleteAsync($"/api/users/{id}")).ExpectProblem(HttpStatusCode.Conflict, "last_admin");
        await admin.GetJson("/api/users");
    }

    [Fact]
    public async Task Two_admins_that_demote_each_other_leave_one()
    {
        await using var server = await TestServer.StartAsync();
        var first = await server.RegisterAdminAsync();
        var second = await server.RegisterUserAsync(first, "deputy");
        var (firstId, secondId) = (await IdOf(first, "admin"), await IdOf(first, "deputy"));
        await (await first.PutJson($"/api/users/{secondId}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        await (await second.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);

        var answers = await Task.WhenAll(
            first.PutJson($"/api/users/{secondId}/role", new { role = "USER" }),
            second.PutJson($"/api/users/{firstId}/role", new { role = "USER" }));
        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.OK);
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from users where role = 'ADMIN' and status = 'ACTIVE'";
        Assert.Equal(1L, command.ExecuteScalar());
    }

    [Fact]
    public async Task Disabling_and_deleting_end_what_is_signed_in()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin, "fired");
        var id = await IdOf(admin, "fired");
        await (await admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED", reason = "Bye" })).Expect(HttpStatusCode.OK);
        await (await user.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        await (await user.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.Unauthorized);
        await (await admin.PutJson($"/api/users/{id}/status", new { status = "ACTIVE" })).Expect(HttpStatusCode.OK);
        await (await user.PostJson("/api/auth/login", new { username = "fired", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await (await admin.DeleteAsync($"/api/users/{id}")).Expect(HttpStatusCode.NoContent);
        await (await user.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        await (await user.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.Unauthorized);
        await (await admin.GetAsync($"/api/users/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task A_demoted_admin_is_none_with_the_next_request()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var deputy = await server.RegisterUserAsync(admin, "deputy");
        var id = await IdOf(admin, "deputy");
        await (await admin.PutJson($"/api/users/{id}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        await (await deputy.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        await deputy.GetJson("/api/users");
        await (await admin.PutJson($"/api/users/{id}/role", new { role = "USER" })).Expect(HttpStatusCode.OK);
        await (await deputy.GetAsync("/api/users")).Expect(HttpStatusCode.Unauthorized);
        await (await deputy.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        await (await deputy.GetAsync("/api/users")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Streams_of_a_login_end_with_it()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await server.RegisterUserAsync(admin, "streamer");
        var id = await IdOf(admin, "streamer");
        var authCache = server.Services.GetRequiredService<AuthCache>();
        var loginId = (await server.Services.GetRequiredService<Logins>().List(id, TimeProvider.System.GetUtcNow())).Single().Id;
        var me = new CurrentUser(id, "USER", "streamer", Epoch: 1, loginId, ApiKeyId: null)
        {
            Client = new Client(IPAddress.Loopback) { Names = [] },
        };
        var token = await authCache.Watch(me);
        Assert.False(token.IsCancellationRequested);
        await (await admin.PutJson($"/api/users/{id}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        Assert.True(token.IsCancellationRequested);

        // A login opened by a request that was checked before the change.
        Assert.True((await authCache.Watch(me)).IsCancellationRequested);
    }

    [Fact]
    public async Task A_one_time_code_opens_the_account_once_to_choose_a_password()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var created = await (await admin.PostJson("/api/users", new { username = "invited" })).Json(HttpStatusCode.Created);
        var code = created.GetProperty("oneTimeCode").GetString()!;
        Assert.Equal("ACTIVE", created.GetProperty("user").GetProperty("status").GetString());

        var user = server.Client();
        var signedIn = await (await user.PostJson("/api/auth/login", new { username = "invited", password = code })).Json();
        Assert.True(signedIn.GetProperty("user").GetProperty("passwordChangeRequired").GetBoolean());
        await (await server.Client().PostJson("/api/auth/login", new { username = "invited", password = code }))
            .Expect(HttpStatusCode.Unauthorized);
        await (await user.PutJson("/api/auth/password", new { newPassword = "pw-CANARY-chosen" })).Expect(HttpStatusCode.NoContent);
        await (await server.Client().PostJson("/api/auth/login", new { username = "invited", password = "pw-CANARY-chosen" }))
            .Expect(HttpStatusCode.OK);

        var id = created.GetProperty("user").GetProperty("id").GetInt64();
        var second = (await (await admin.PostJson($"/api/users/{id}/reset-password", new { })).Json())
            .GetProperty("oneTimeCode").GetString()!;
        await (await user.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        await (await user.PostJson("/api/auth/login", new { username = "invited", password = "pw-CANARY-chosen" }))
            .Expect(HttpStatusCode.Unauthorized);
        await (await user.PostJson("/api/auth/login", new { username = "invited", password = second })).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_quota_is_the_users_own_or_none()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin, "limited");
        var id = await IdOf(admin, "limited");
        await (await admin.PutJson($"/api/users/{id}/quota", new { dailyLimit = 7, resetUsed = true })).Expect(HttpStatusCode.OK);
        var quota = (await user.GetJson("/api/auth/me")).GetProperty("quota");
        Assert.Equal(
            (7, 0, 7),
            (quota.GetProperty("limit").GetInt64(), quota.GetProperty("used").GetInt64(), quota.GetProperty("remaining").GetInt64()));
        await (await admin.PutJson($"/api/users/{id}/quota", new { dailyLimit = (long?)null, unlimited = true })).Expect(HttpStatusCode.OK);
        Assert.Equal(JsonValueKind.Null, (await user.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("limit").ValueKind);
        await (await admin.PutJson($"/api/users/{id}/quota", new { dailyLimit = -1 }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await admin.PutJson($"/api/users/{id}/quota", new { unlimited = true }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Fact]
    public async Task Limits_are_told_with_their_use_and_recorded_whole()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await server.RegisterUserAsync(admin, "limited");
        var id = await IdOf(admin, "limited");
        var limits = new
        {
            dailyLimit = 2,
            monthlyTokenBudget = -1,
            dailyMoneyBudget = 0.5m,
            monthlyMoneyBudget = (decimal?)null,
            resetUsed = true,
        };
        await (await admin.PutJson($"/api/users/{id}/quota", limits)).Expect(HttpStatusCode.OK);
        await (await admin.PutJson($"/api/users/{id}/quota", new { dailyLimit = (long?)null, unlimited = true })).Expect(HttpStatusCode.OK);

        var details = (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray()
            .Where(entry => entry.GetProperty("action").GetString() == "user.quota")
            .Select(entry => entry.GetProperty("detail").GetString());
        Assert.Equal(
            [
                "dailyLimit = none",
                "dailyLimit = 2, monthlyTokenBudget = none, dailyMoneyBudget = 0.5, monthlyMoneyBudget = default, resetUsed = true",
            ],
            details);
        var used = (await admin.GetJson($"/api/users/{id}")).GetProperty("used");
        Assert.Equal(
            (0, 0, 0),
            (
                used.GetProperty("messages").GetInt64(), used.GetProperty("dayTokens").GetInt64(),
                used.GetProperty("monthTokens").GetInt64()));
        Assert.Equal((0m, 0m), (used.GetProperty("dayMoney").GetDecimal(), used.GetProperty("monthMoney").GetDecimal()));
        Assert.True(used.GetProperty("dayEndsAt").GetDateTimeOffset() <= used.GetProperty("monthEndsAt").GetDateTimeOffset());
    }

    [Fact]
    public async Task Every_change_is_in_the_audit_and_the_chain_holds()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await server.RegisterUserAsync(admin, "audited");
        await (await admin.PutJson($"/api/users/{await IdOf(admin, "audited")}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);

        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = "select actor_id, action, target, ip, detail, created_at, hash from audit order by id";
        using var reader = command.ExecuteReader();
        var (previous, actions) = ("", new List<string>());
        while (reader.Read())
        {
            string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
            var entry = new AuditEntry(reader.IsDBNull(0) ? null : reader.GetInt64(0), reader.GetString(1), Text(2), Text(3), Text(4));
            Assert.Equal(AuditLog.Hash(previous, entry, reader.GetInt64(5)), reader.GetString(6));
            previous = reader.GetString(6);
            actions.Add(entry.Action);
        }

        Assert.Equal(["setup.first_admin", "login.ok", "user.register", "user.approve", "login.ok", "user.role"], actions);
    }

    private static async Task<long> IdOf(HttpClient admin, string username) =>
        (await admin.GetJson($"/api/users?q={username}")).GetProperty("items")[0].GetProperty("id").GetInt64();
}
