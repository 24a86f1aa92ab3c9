using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Api;

/// <summary>Who gets an account, and who becomes the administrator.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public async Task The_first_account_is_admin_and_signed_in_later_ones_wait()
    {
        await using var server = await TestServer.StartAsync();
        var admin = server.Client();
        var first = await (await admin.PostJson(
            "/api/auth/register", new { username = "Owner_1", password = TestServer.Password, setupCode = TestServer.SetupCode }))
            .Json(HttpStatusCode.Created);
        Assert.Equal("ADMIN", first.GetProperty("user").GetProperty("role").GetString());
        Assert.Equal("ACTIVE", first.GetProperty("user").GetProperty("status").GetString());
        var me = await admin.GetJson("/api/auth/me");
        Assert.Equal("Owner_1", me.GetProperty("user").GetProperty("username").GetString());

        var second = server.Client();
        var answer = await second.PostJson("/api/auth/register", new { username = "later", password = TestServer.Password });
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        var user = (await answer.Json(HttpStatusCode.Accepted)).GetProperty("user");
        Assert.Equal("PENDING", user.GetProperty("status").GetString());
        Assert.Equal("USER", user.GetProperty("role").GetString());
        await (await second.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Fifty_first_registrations_at_once_make_one_admin(int round)
    {
        await using var server = await TestServer.StartAsync(Patient);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(n =>
            server.Client().PostJson(
                "/api/auth/register",
                new { username = $"racer_{round}_{n}", password = TestServer.Password, setupCode = TestServer.SetupCode })));

        Assert.All(answers, answer => Assert.Contains((int)answer.StatusCode, new[] { 201, 202 }));
        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.Created);
        Assert.Equal(1L, Scalar(server, "select count(*) from users where role = 'ADMIN'"));
        Assert.Equal(0L, Scalar(server, "select count(*) from users where role = 'USER' and status <> 'PENDING'"));
    }

    [Fact]
    public async Task Fifty_logins_at_once_all_come_in()
    {
        await using var server = await TestServer.StartAsync(Patient);
        await server.RegisterAdminAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 49).Select(_ =>
            server.Client().PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password })));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    [Fact]
    public async Task A_waiting_account_opens_nothing_and_is_told_only_after_the_right_password()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var waiting = await server.RegisterUserAsync(admin: null, "waiting");
        await (await waiting.PostJson("/api/auth/login", new { username = "waiting", password = "wrong-CANARY" }))
            .ExpectProblem(HttpStatusCode.Unauthorized, "invalid_credentials");
        var refused = await waiting.PostJson("/api/auth/login", new { username = "waiting", password = TestServer.Password });
        await refused.ExpectProblem(HttpStatusCode.Forbidden, "account_pending");
        Assert.False(refused.Headers.Contains("Set-Cookie"));
        await (await waiting.PostJson("/api/auth/token", new { username = "waiting", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Forbidden, "account_pending");
        await (await waiting.GetAsync("/api/sessions")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory]
    [InlineData("аdmin")] // Cyrillic а
    [InlineData("ａdmin")] // full width
    [InlineData("admin\n")]
    [InlineData("adm\u200bin")]
    [InlineData("\u212Aen")]
    [InlineData("nimda\u202E")]
    [InlineData("ab")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("a b c")]
    public async Task Names_that_look_like_others_are_refused(string username)
    {
        await using var server = await TestServer.StartAsync();
        var problem = await (await server.Client().PostJson("/api/auth/register", new { username, password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.True(problem.GetProperty("errors").TryGetProperty("username", out _));
        Assert.Equal(0L, Scalar(server, "select count(*) from users"));
    }

    [Fact]
    public async Task A_name_in_other_case_is_taken()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync("admin");
        await (await server.Client().PostJson("/api/auth/register", new { username = "ADMIN", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Conflict, "username_taken");
    }

    [Theory]
    [InlineData(""","role":"ADMIN" """)]
    [InlineData(""","status":"ACTIVE" """)]
    [InlineData(""","id":1""")]
    [InlineData(""","isAdmin":true""")]
    [InlineData(""","Role":"ADMIN" """)]
    [InlineData(""","username":"other" """)]
    [InlineData(""","Username":"other" """)]
    public async Task Members_nobody_asked_for_are_refused(string extra)
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var body = $$"""{"username":"sneaky","password":"{{TestServer.Password}}"{{extra}}}""";
        await (await server.Client().PostRaw("/api/auth/register", body)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        Assert.Equal(1L, Scalar(server, "select count(*) from users"));
    }

    [Theory]
    [InlineData("short1")]
    [InlineData("password123")]
    [InlineData("P@ssw0rd!")]
    [InlineData("qwertyuiop")]
    [InlineData("12345678")]
    [InlineData("aaaaaaaaaaaa")]
    [InlineData("my-someone-1")]
    [InlineData("I-like-AiChat")]
    [InlineData("Cantona7")]
    public async Task Passwords_that_are_guessed_first_are_refused(string password)
    {
        await using var server = await TestServer.StartAsync();
        var problem = await (await server.Client().PostJson("/api/auth/register", new { username = "someone", password }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.Equal(JsonValueKind.Array, problem.GetProperty("errors").GetProperty("password").ValueKind);
    }

    [Fact]
    public async Task Closed_registration_says_so_but_never_to_the_first()
    {
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["REGISTRATION_ENABLED"] = "false" } });
        await server.RegisterAdminAsync();
        await (await server.Client().PostJson("/api/auth/register", new { username = "late", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Forbidden, "registration_closed");
    }

    /// <summary>In process, beside other tests, fifty hashes may exceed the wait of a login, so there it is unlimited.</summary>
    private static TestServerOptions Patient =>
        new() { Clock = TestServer.Binary is null ? new FakeTimeProvider(DateTimeOffset.UtcNow) : null };

    private static object? Scalar(TestServer server, string sql)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
