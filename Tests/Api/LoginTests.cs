using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace AiChat.Tests.Api;

/// <summary>Signing in, out, and what ends a login.</summary>
public sealed class LoginTests
{
    [Fact]
    public async Task A_password_change_ends_every_other_login_at_once()
    {
        await using var server = await TestServer.StartAsync();
        var here = await server.RegisterAdminAsync();
        var there = await SignIn(server);
        var script = await Tokens(server);

        await (await here.PutJson("/api/auth/password", new { currentPassword = TestServer.Password, newPassword = "pw-CANARY-changed" }))
            .Expect(HttpStatusCode.NoContent);

        await (await there.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await there.PostJson("/api/auth/refresh", new { })).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await Get(server, "/api/auth/me", script.Access)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await server.Client().PostJson("/api/auth/token", new { refreshToken = script.Refresh }))
            .ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await here.GetJson("/api/auth/me");
        await (await here.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        await (await server.Client().PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Fact]
    public async Task A_wrong_current_password_changes_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PutJson("/api/auth/password", new { currentPassword = "not-it-CANARY", newPassword = "pw-CANARY-changed" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "wrong_password");
        await (await admin.PutJson("/api/auth/password", new { newPassword = "pw-CANARY-changed" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "wrong_password");
        await SignIn(server);
    }

    [Fact]
    public async Task Logout_ends_the_login_on_the_server()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var script = await Tokens(server);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/auth/logout");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", script.Access);
        var answer = await server.Client().SendAsync(request);
        await answer.Expect(HttpStatusCode.NoContent);
        Assert.Contains("storage", answer.Headers.GetValues("Clear-Site-Data").Single());
        await (await Get(server, "/api/auth/me", script.Access)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await server.Client().PostJson("/api/auth/token", new { refreshToken = script.Refresh }))
            .ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task Logout_everywhere_ends_all_of_them()
    {
        await using var server = await TestServer.StartAsync();
        var here = await server.RegisterAdminAsync();
        var there = await SignIn(server);
        await (await here.PostJson("/api/auth/logout-all", new { })).Expect(HttpStatusCode.NoContent);
        await (await here.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        await (await there.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        await (await there.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Devices_are_listed_and_one_can_be_ended()
    {
        await using var server = await TestServer.StartAsync();
        var here = await server.RegisterAdminAsync();
        var there = await SignIn(server);
        var items = (await here.GetJson("/api/auth/logins")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(2, items.Count);
        var other = items.Single(item => !item.GetProperty("current").GetBoolean()).GetProperty("id").GetInt64();

        var stranger = await server.RegisterUserAsync(here);
        await (await stranger.DeleteAsync($"/api/auth/logins/{other}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await there.GetJson("/api/auth/me");
        await (await here.DeleteAsync($"/api/auth/logins/{other}")).Expect(HttpStatusCode.NoContent);
        await (await there.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("""{"username":{"$gt":""},"password":"x"}""")]
    [InlineData("""{"username":["admin"],"password":"x"}""")]
    [InlineData("""{"username":1,"password":"x"}""")]
    [InlineData("""{"username":true,"password":"x"}""")]
    [InlineData("""{"username":null,"password":"x"}""")]
    [InlineData("""{"username":"admin","password":{"x":1}}""")]
    [InlineData("""{"username":"admin","password":12345678}""")]
    [InlineData("""{"username":"admin"}""")]
    [InlineData("""{"username":"admin","password":"a","password":"b"}""")]
    [InlineData("""{"username":"admin","password":"a","extra":1}""")]
    [InlineData("""[]""")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("")]
    public async Task Wrong_types_are_refused(string body)
    {
        await using var server = await TestServer.StartAsync();
        foreach (var path in new[] { "/api/auth/login", "/api/auth/register" })
        {
            await (await server.Client().PostRaw(path, body)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        }
    }

    [Fact]
    public async Task A_huge_password_is_refused_without_hashing()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        await (await client.PostJson("/api/auth/login", new { username = "admin", password = new string('x', 1_000_000) }))
            .ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
        await (await client.PostJson("/api/auth/login", new { username = "admin", password = new string('x', 60_000) }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
    }

    [Fact]
    public async Task Guessing_is_slowed_down_and_made_up_addresses_do_not_help()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var attacker = server.Client();
        HttpResponseMessage? limited = null;
        for (var attempt = 0; attempt < 12 && limited is null; attempt++)
        {
            // No proxy is listed, so the header is ignored.
            using var request = Forwarded($"198.51.100.{attempt}", new { username = "admin", password = $"guess-CANARY-{attempt}" });
            var answer = await attacker.SendAsync(request);
            limited = answer.StatusCode == HttpStatusCode.TooManyRequests ? answer : null;
        }

        Assert.NotNull(limited);
        await limited.ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        Assert.True(limited.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        await SignIn(server);
    }

    [Fact]
    public async Task Behind_a_listed_proxy_each_client_counts_for_itself()
    {
        await using var server = await BehindProxy();
        await server.RegisterAdminAsync();
        var client = server.Client();
        for (var attempt = 0; attempt < 15; attempt++)
        {
            // Entries left of the proxy's own are chosen by the client.
            using var request = Forwarded($"10.0.0.1, 203.0.113.{attempt}", new { username = "admin", password = "guess-CANARY" });
            await (await client.SendAsync(request)).Expect(HttpStatusCode.Unauthorized);
        }
    }

    private static Task<TestServer> BehindProxy() =>
        TestServer.StartAsync(new TestServerOptions { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = "127.0.0.0/8" } });

    private static HttpRequestMessage Forwarded(string addresses, object body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/auth/login")
        {
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body))
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            },
        };
        request.Headers.Add("X-Forwarded-For", addresses);
        return request;
    }

    private static async Task<HttpClient> SignIn(TestServer server)
    {
        var client = server.Client();
        await (await client.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        return client;
    }

    private static async Task<(string Access, string Refresh)> Tokens(TestServer server)
    {
        var answer =
            await (await server.Client().PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password })).Json();
        return (answer.GetProperty("accessToken").GetString()!, answer.GetProperty("refreshToken").GetString()!);
    }

    private static async Task<HttpResponseMessage> Get(TestServer server, string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await server.Client().SendAsync(request);
    }
}
