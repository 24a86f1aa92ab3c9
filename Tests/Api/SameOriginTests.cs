using System.Net;
using System.Text;

namespace AiChat.Tests.Api;

/// <summary>
/// The origin of a write where the browser does not state it (plain HTTP) and a proxy may have changed the host name. The
/// server listens on 127.0.0.1; Host is what a browser or a proxy sends.
/// </summary>
public sealed class SameOriginTests
{
    private const string Json = "application/json";

    [Theory]
    [InlineData("http://192.168.1.5:3555", "192.168.1.5:3555", null)] // straight, or $http_host
    [InlineData("http://192.168.1.5", "192.168.1.5", null)]
    [InlineData("http://192.168.1.5:3555", "192.168.1.5", null)] // $host
    [InlineData("http://chat.lan:3555", "CHAT.lan", null)]
    [InlineData("http://[fd00::5]:3555", "[fd00::5]", null)]
    [InlineData("https://chat.example.org", "chat.example.org:443", null)]
    [InlineData("http://chat.example.org", "chat.example.org:80", null)] // $host:$server_port
    [InlineData("https://chat.example.org:8443", "chat.example.org", null)]
    [InlineData("http://192.168.1.5:3555", "127.0.0.1:8001", "192.168.1.5:3555")] // Apache's ProxyPreserveHost Off
    [InlineData("http://192.168.1.5:3555", "aichat_backend", "192.168.1.5")]
    [InlineData("http://chat.lan", "127.0.0.1:8001", "evil.example, chat.lan")] // what a client sends stands left of what the proxy adds
    public async Task The_own_page_works_behind_a_proxy(string origin, string host, string? forwardedHost)
    {
        foreach (var trusted in new[] { "", "127.0.0.0/8" })
        {
            await using var server = await TestServer.StartAsync(
                new TestServerOptions { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = trusted } });
            var client = server.Client();
            (string, string)[] page = forwardedHost is null
                ? [("Origin", origin), ("Host", host)]
                : [("Origin", origin), ("Host", host), ("X-Forwarded-Host", forwardedHost)];
            var account = $$"""{"username":"owner","password":"{{TestServer.Password}}","setupCode":"{{TestServer.SetupCode}}"}""";
            await (await Send(client, "/api/auth/register", account, Json, page)).Expect(HttpStatusCode.Created);
            var login = $$"""{"username":"owner","password":"{{TestServer.Password}}"}""";
            await (await Send(client, "/api/auth/login", login, Json, page)).Expect(HttpStatusCode.OK);
            await (await Send(client, "/api/sessions", "{}", Json, page)).Expect(HttpStatusCode.Created);
            await (await Send(client, "/api/users", """{"username":"second"}""", Json, page)).Expect(HttpStatusCode.Created);
            await (await Send(client, "/api/auth/refresh", "{}", Json, page)).Expect(HttpStatusCode.OK);
        }
    }

    [Theory]
    [InlineData("http://evil.example", "192.168.1.5", null)]
    [InlineData("http://evil.example:3555", "192.168.1.5:3555", null)]
    [InlineData("http://192.168.1.5:9999", "192.168.1.5:3555", null)] // a neighbour's port
    [InlineData("http://192.168.1.5", "192.168.1.5:3555", null)]
    [InlineData("http://evil.chat.example.org", "chat.example.org", null)]
    [InlineData("http://example.org", "chat.example.org", null)]
    [InlineData("http://chat.example.org.evil.example", "chat.example.org", null)]
    [InlineData("http://evil.example", "127.0.0.1:8001", null)] // a proxy that tells nothing
    [InlineData("http://evil.example", "127.0.0.1:8001", "192.168.1.5:3555")]
    [InlineData("http://evil.example", "127.0.0.1:8001", "evil.example, 192.168.1.5:3555")]
    [InlineData("null", "192.168.1.5", null)]
    [InlineData("file://", "192.168.1.5", null)]
    [InlineData("ftp://192.168.1.5", "192.168.1.5", null)]
    [InlineData("moz-extension://192.168.1.5", "192.168.1.5", null)]
    public async Task Another_site_is_refused_and_told_why(string origin, string host, string? forwardedHost)
    {
        foreach (var trusted in new[] { "", "127.0.0.0/8" })
        {
            await using var server = await TestServer.StartAsync(
                new TestServerOptions { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = trusted } });
            var admin = await server.RegisterAdminAsync();
            (string, string)[] page = forwardedHost is null
                ? [("Origin", origin), ("Host", host)]
                : [("Origin", origin), ("Host", host), ("X-Forwarded-Host", forwardedHost)];
            foreach (var type in new[] { Json, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x" })
            {
                var answer = await Send(admin, "/api/users", """{"username":"planted"}""", type, page);
                var problem = await answer.ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
                var reason = problem.GetProperty("errors").GetProperty("origin")[0].GetString()!;
                Assert.Contains($"Origin is {origin}", reason);
                Assert.Contains($"Host is {host}", reason);
                Assert.Contains("proxy_set_header Host $http_host", reason);
                var proxied = forwardedHost is not null || !host.StartsWith("127.", StringComparison.Ordinal);
                Assert.Equal(proxied && trusted.Length == 0, reason.Contains("is not in TRUSTED_PROXIES"));
            }

            await (await Send(admin, "/api/images", "x", "multipart/form-data; boundary=x", page))
                .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
            await (await Send(admin, "/api/auth/logout", "", null, page)).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
            await (await Send(server.Client(), "/api/auth/login", "{}", Json, page)).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
            Assert.Single((await admin.GetJson("/api/users")).GetProperty("items").EnumerateArray());
        }
    }

    /// <summary>
    /// Where Host has lost its port, another site on the same machine is recognised by what a page may send without a preflight.
    /// </summary>
    [Theory]
    [InlineData("text/plain", """{"username":"planted"}""")]
    [InlineData("application/x-www-form-urlencoded", "username=planted")]
    [InlineData(null, "")]
    public async Task A_neighbours_form_is_refused_where_the_port_is_lost(string? type, string body)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var path in new[] { "/api/users", "/api/auth/logout-all", "/api/sessions" })
        {
            await (await Send(admin, path, body, type, ("Origin", "http://192.168.1.5:9999"), ("Host", "192.168.1.5")))
                .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        }

        await admin.GetJson("/api/auth/me");
    }

    [Fact]
    public async Task The_pages_own_header_stands_for_it_where_a_proxy_hides_the_name()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        (string, string)[] hidden = [("Origin", "http://192.168.1.5:3555"), ("Host", "127.0.0.1:8001")];
        await (await Send(admin, "/api/sessions", "{}", Json, hidden)).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await Send(admin, "/api/sessions", "{}", Json, [.. hidden, ("X-Requested-With", "aichat")])).Expect(HttpStatusCode.Created);
        await (await Send(admin, "/api/sessions", "{}", Json, ("Origin", "null"), ("X-Requested-With", "aichat")))
            .Expect(HttpStatusCode.Forbidden);
        await (await Send(admin, "/api/sessions", "{}", Json, ("Sec-Fetch-Site", "cross-site"), ("X-Requested-With", "aichat")))
            .Expect(HttpStatusCode.Forbidden);
    }

    /// <summary>The header proves the origin only while no preflight allows it to another site.</summary>
    [Fact]
    public async Task No_preflight_allows_that_header()
    {
        var variables = new Dictionary<string, string> { ["ENABLE_CORS"] = "true", ["CORS_ORIGIN"] = "https://app.example" };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        foreach (var origin in new[] { "https://app.example", "https://evil.example" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, "/api/sessions");
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "x-requested-with");
            var answer = await server.Client().SendAsync(request);
            var allowed = answer.Headers.TryGetValues("Access-Control-Allow-Headers", out var headers) ? string.Join(",", headers) : "";
            Assert.DoesNotContain("X-Requested-With", allowed, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("*", allowed);
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Credentials"));
        }
    }

    [Fact]
    public async Task The_site_address_stands_for_what_no_header_tells()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { siteBaseUrl = "http://chat.lan:3555/chat" })).Expect(HttpStatusCode.OK);
        await (await Send(admin, "/api/sessions", "{}", Json, ("Origin", "http://chat.lan:3555"), ("Host", "127.0.0.1:8001")))
            .Expect(HttpStatusCode.Created);
        await (await Send(admin, "/api/sessions", "{}", Json, ("Origin", "http://chat.lan:3556"), ("Host", "127.0.0.1:8001")))
            .Expect(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_name_that_was_made_to_point_here_is_refused_where_names_are_listed()
    {
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["ALLOWED_HOSTS"] = "chat.lan" } });
        var login = $$"""{"username":"admin","password":"{{TestServer.Password}}"}""";
        await (await Send(
            server.Client(), "/api/auth/login", login, Json, ("Origin", "http://evil.example:8001"), ("Host", "evil.example:8001")))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        await (await Send(server.Client(), "/api/auth/login", login, Json, ("Origin", "http://chat.lan:8001"), ("Host", "chat.lan:8001")))
            .ExpectProblem(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Theory]
    [InlineData("", HttpStatusCode.BadRequest)]
    [InlineData("127.0.0.0/8", HttpStatusCode.OK)]
    public async Task A_listed_proxy_says_what_name_was_asked_for(string trusted, HttpStatusCode expected)
    {
        var variables = new Dictionary<string, string> { ["ALLOWED_HOSTS"] = "chat.lan", ["TRUSTED_PROXIES"] = trusted };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/settings/branding");
        request.Headers.Add("X-Forwarded-Host", "chat.lan");
        await (await server.Client().SendAsync(request)).Expect(expected);
        using var other = new HttpRequestMessage(HttpMethod.Get, "/api/settings/branding");
        other.Headers.Add("X-Forwarded-Host", "chat.lan, evil.example");
        await (await server.Client().SendAsync(other)).Expect(HttpStatusCode.BadRequest);
    }

    private static async Task<HttpResponseMessage> Send(
        HttpClient client, string path, string body, string? type, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (body.Length > 0 || type is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await client.SendAsync(request);
    }
}
