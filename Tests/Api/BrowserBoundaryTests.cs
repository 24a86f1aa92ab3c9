using System.Net;
using System.Text;

namespace AiChat.Tests.Api;

/// <summary>
/// What another site, a proxy or a cache can do with a visitor's browser.
/// </summary>
public sealed class BrowserBoundaryTests
{
    [Theory]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Origin", "http://127.0.0.1:1")]
    [InlineData("Origin", "http://127.0.0.1.evil.example")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    public async Task Another_site_cannot_act_with_the_cookie(string header, string value)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        (HttpMethod Method, string Path, string Body)[] calls =
        [
            (HttpMethod.Post, "/api/users", """{"username":"planted"}"""), (HttpMethod.Post, "/api/auth/logout", "{}"),
            (HttpMethod.Post, "/api/auth/refresh", "{}"),
            (HttpMethod.Put, "/api/auth/password", """{"currentPassword":"x","newPassword":"y"}"""),
            (HttpMethod.Post, "/api/sessions", "{}"),
        ];
        foreach (var (method, path, body) in calls)
        {
            await (await Send(admin, method, path, body, "application/json", (header, value)))
                .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        }

        Assert.Single((await admin.GetJson("/api/users")).GetProperty("items").EnumerateArray());
        await admin.GetJson("/api/auth/me");
    }

    [Fact]
    public async Task Another_site_cannot_sign_a_visitor_in()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var body = $$"""{"username":"admin","password":"{{TestServer.Password}}"}""";
        var answer =
            await Send(server.Client(), HttpMethod.Post, "/api/auth/login", body, "application/json", ("Origin", "https://evil.example"));
        await answer.ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/jsonx")]
    public async Task What_a_form_can_send_is_refused_with_a_cookie(string contentType)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PostRaw("/api/users", """{"username":"planted"}""", contentType))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await admin.PostRaw("/api/auth/logout", "{}", contentType)).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.Single((await admin.GetJson("/api/users")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task Our_own_page_and_scripts_pass()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await Send(admin, HttpMethod.Post, "/api/sessions", "{}", "application/json", ("Sec-Fetch-Site", "same-origin")))
            .Expect(HttpStatusCode.Created);
        var tokens =
            await (await server.Client().PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password })).Json();
        var bearer = ("Authorization", $"Bearer {tokens.GetProperty("accessToken").GetString()}");
        await (await Send(
            server.Client(), HttpMethod.Post, "/api/sessions", "{}", "application/json", bearer, ("Origin", "https://app.example")))
            .Expect(HttpStatusCode.Created);
    }

    [Fact]
    public async Task No_origin_is_let_in_unless_the_operator_lists_it()
    {
        await using var closed = await TestServer.StartAsync();
        foreach (var origin in new[] { "https://evil.example", "null", "https://app.example" })
        {
            await NoCors(closed, origin);
        }

        var variables = new Dictionary<string, string> { ["ENABLE_CORS"] = "true", ["CORS_ORIGIN"] = "https://app.example" };
        await using var open = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        foreach (var origin in new[]
        {
            "https://evil.example", "null", "https://app.example.evil.example", "https://app.examplex", "http://app.example",
            "https://APP.example",
        })
        {
            await NoCors(open, origin);
        }

        foreach (var path in new[] { "/api/health", "/api/auth/me", "/api/nothing" })
        {
            var answer = await Send(open.Client(), HttpMethod.Get, path, null, null, ("Origin", "https://app.example"));
            Assert.Equal(["https://app.example"], answer.Headers.GetValues("Access-Control-Allow-Origin"));
            Assert.Contains("Origin", answer.Headers.Vary);
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Credentials"));
        }

        var preflight = await Send(
            open.Client(), HttpMethod.Options, "/api/sessions", null, null, ("Origin", "https://app.example"),
            ("Access-Control-Request-Method", "POST"));
        await preflight.Expect(HttpStatusCode.NoContent);
        Assert.Contains("Authorization", preflight.Headers.GetValues("Access-Control-Allow-Headers").Single());
        var admin = await Send(open.Client(), HttpMethod.Get, "/api/users", null, null, ("Origin", "https://app.example"));
        Assert.False(admin.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Cookies_are_hidden_from_scripts_and_tied_to_https_when_there_is_https()
    {
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = "127.0.0.0/8" } });
        await server.RegisterAdminAsync();
        var body = $$"""{"username":"admin","password":"{{TestServer.Password}}"}""";
        var plain = await Send(server.Client(), HttpMethod.Post, "/api/auth/login", body, "application/json");
        Assert.All(
            plain.Headers.GetValues("Set-Cookie"),
            cookie => Assert.Matches(
                "^aichat(_refresh|_device)?_[0-9a-f]{8}=[^;]+; max-age=[0-9]+; path=[^;]+; samesite=lax; httponly$", cookie));
        Assert.False(plain.Headers.Contains("Strict-Transport-Security"));

        var secure = await Send(
            server.Client(), HttpMethod.Post, "/api/auth/login", body, "application/json", ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-For", "203.0.113.1"));
        Assert.All(
            secure.Headers.GetValues("Set-Cookie"),
            cookie => Assert.Matches(
                "^__Host-aichat(_refresh|_device)?_[0-9a-f]{8}=[^;]+; max-age=[0-9]+; path=/; secure; samesite=lax; httponly$", cookie));
        Assert.True(secure.Headers.Contains("Strict-Transport-Security"));

        await using var direct = await TestServer.StartAsync();
        await direct.RegisterAdminAsync();
        var claimed =
            await Send(direct.Client(), HttpMethod.Post, "/api/auth/login", body, "application/json", ("X-Forwarded-Proto", "https"));
        Assert.All(claimed.Headers.GetValues("Set-Cookie"), cookie => Assert.DoesNotContain("secure", cookie));
    }

    [Fact]
    public async Task A_planted_cookie_is_not_adopted()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = server.BaseUri };
        var body = $$"""{"username":"admin","password":"{{TestServer.Password}}"}""";
        var answer = await Send(
            client, HttpMethod.Post, "/api/auth/login", body, "application/json",
            ("Cookie", "aichat=planted; aichat_refresh=planted.planted"));
        await answer.Expect(HttpStatusCode.OK);
        Assert.DoesNotContain(answer.Headers.GetValues("Set-Cookie"), cookie => cookie.Contains("planted"));
    }

    [Fact]
    public async Task The_host_header_reaches_no_answer()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var path in new[] { "/", "/api/auth/me", "/api/settings/branding", "/api/users", "/api/sessions", "/api/nothing" })
        {
            var answer =
                await Send(admin, HttpMethod.Get, path, null, null, ("Host", "evil.example:81"), ("X-Forwarded-Host", "evil.example"));
            Assert.DoesNotContain("evil.example", await answer.Content.ReadAsStringAsync() + answer.Headers);
        }
    }

    [Fact]
    public async Task With_a_list_of_names_every_other_is_refused()
    {
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["ALLOWED_HOSTS"] = "chat.example.org, 192.0.2.7" } });
        foreach (var host in new[] { "evil.example", "evil.example:81", "chat.example.org.evil.example", "[::2]:8001", "192.0.2.70" })
        {
            var answer = await Send(server.Client(), HttpMethod.Get, "/api/health", null, null, ("Host", host));
            var problem = await answer.ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
            Assert.DoesNotContain("evil", problem.GetRawText());
        }

        foreach (var host in new[] { "chat.example.org", "CHAT.example.org:8443", "192.0.2.7:8001", "localhost" })
        {
            await (await Send(server.Client(), HttpMethod.Get, "/api/health", null, null, ("Host", host))).Expect(HttpStatusCode.OK);
        }

        // A proxied request does not count as local, whatever host name it carries.
        var relayed =
            await Send(server.Client(), HttpMethod.Get, "/api/health", null, null, ("Host", "localhost"), ("X-Forwarded-For", "192.0.2.1"));
        await relayed.Expect(HttpStatusCode.BadRequest);
    }

    /// <summary>As the kubelet does, from another machine: here a proxy's header tells that it is no local request.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("/chat")]
    public async Task A_cluster_probes_by_the_address_of_the_pod(string path)
    {
        var variables = new Dictionary<string, string> { ["ALLOWED_HOSTS"] = "chat.example.org", ["BASE_PATH"] = path };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        async Task<HttpStatusCode> Asked(string place, string host) =>
            (await Send(server.Client(), HttpMethod.Get, place, null, null, ("Host", host), ("X-Forwarded-For", "192.0.2.1"))).StatusCode;

        Assert.Equal(HttpStatusCode.OK, await Asked($"{path}/api/health", "127.0.0.1:8001"));
        Assert.Equal(HttpStatusCode.OK, await Asked($"{path}/api/settings/health", "127.0.0.1"));
        Assert.Equal(HttpStatusCode.BadRequest, await Asked($"{path}/api/settings/health", "localhost"));
        Assert.Equal(HttpStatusCode.BadRequest, await Asked($"{path}/api/health", "127.0.0.2"));
        Assert.Equal(HttpStatusCode.BadRequest, await Asked($"{path}/api/settings/branding", "127.0.0.1"));
    }

    [Theory]
    [InlineData("https://chat.example.org")]
    [InlineData("chat.example.org:8001")]
    [InlineData("*")]
    public async Task A_name_that_is_none_stops_the_start(string names)
    {
        var options = new TestServerOptions { Variables = new Dictionary<string, string> { ["ALLOWED_HOSTS"] = names } };
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(options));
        Assert.Contains("ALLOWED_HOSTS", refused.Message);
    }

    [Fact]
    public async Task Every_kind_of_answer_carries_the_headers()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        HttpResponseMessage[] answers =
        [
            await admin.GetAsync("/"), await admin.GetAsync("/api/auth/me"), await admin.GetAsync("/api/nothing"),
            await admin.GetAsync("/api/auth/login"),
            await server.Client()
                .GetAsync("/api/users"), await admin.PostRaw("/api/sessions", new string(' ', 100_000)),
                await admin.PostRaw("/api/sessions", "{"),
            await server.Client().PostRaw("/api/auth/login", "x", "text/plain"),
        ];
        Assert.Equal([200, 200, 404, 405, 401, 413, 400, 415], answers.Select(answer => (int)answer.StatusCode));
        foreach (var answer in answers)
        {
            string One(string name) => answer.Headers.GetValues(name).Single();
            Assert.Equal("nosniff", One("X-Content-Type-Options"));
            Assert.Equal("same-origin", One("Referrer-Policy"));
            Assert.Equal("same-origin", One("Cross-Origin-Opener-Policy"));
            Assert.Equal("same-origin", One("Cross-Origin-Resource-Policy"));
            Assert.Contains("camera=()", One("Permissions-Policy"));
            Assert.Contains("frame-ancestors 'none'", One("Content-Security-Policy"));
            Assert.DoesNotContain("unsafe", One("Content-Security-Policy"));
            Assert.NotEmpty(One("X-Request-Id"));
            Assert.False(answer.Headers.Contains("Server"));
            var html = answer.Content.Headers.ContentType?.MediaType == "text/html";
            Assert.True(html ? answer.Headers.CacheControl!.NoCache : answer.Headers.CacheControl!.NoStore);
        }

        var problem = await answers[4].Json(HttpStatusCode.Unauthorized);
        Assert.Equal(answers[4].Headers.GetValues("X-Request-Id").Single(), problem.GetProperty("traceId").GetString());
    }

    [Theory]
    [InlineData("/api/x.css")]
    [InlineData("/api/sessions/1/a.js")]
    [InlineData("/api/auth/me/a.png")]
    [InlineData("/api/auth/me;a.css")]
    public async Task Private_answers_have_no_second_name_that_a_cache_would_keep(string path)
    {
        await using var server = await TestServer.StartAsync();
        await (await (await server.RegisterAdminAsync()).GetAsync(path)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task The_data_folder_is_closed_to_others_and_not_served()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(server.DataDir));
        Assert.All(
            Directory.GetFiles(server.DataDir),
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));

        var page = await (await admin.GetAsync("/")).Content.ReadAsStringAsync();
        string[] paths =
        [
            "/app.db", "/app.db-wal", "/data/app.db", "/data/master.key", "/master.key", "/backups/x.db", "/.env", "/logs/x.log",
            "/.git/HEAD", "/instance.json",
            "/..;/master.key", "/%2e%2e/master.key", "/..%2fmaster.key", "/assets/..%2f..%2fmaster.key", "/%2e%2e%5cmaster.key",
            "/.%00/master.key",
        ];
        foreach (var path in paths)
        {
            var answer = await server.Client().GetAsync(path);
            var body = await answer.Content.ReadAsStringAsync();
            Assert.True((int)answer.StatusCode is 404 or 400 || body == page, $"{path}: {(int)answer.StatusCode}");
        }
    }

    [Fact]
    public async Task Strangers_learn_neither_version_nor_memory()
    {
        await using var server = await TestServer.StartAsync();
        Assert.Equal("""{"status":"ok"}""", await server.Client().GetStringAsync("/api/health"));
        Assert.Equal("""{"status":"ok"}""", await server.Client().GetStringAsync("/api/settings/health"));
    }

    [Fact]
    [Trait("Nodes", "One")] // a stranger has sixty at each server
    public async Task A_stranger_has_sixty_requests_a_minute()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        var answers = new List<HttpStatusCode>();
        for (var n = 0; n < 80; n++)
        {
            answers.Add((await client.GetAsync("/api/auth/me")).StatusCode);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, answers[0]);
        Assert.Contains(HttpStatusCode.TooManyRequests, answers);
        await (await client.GetAsync("/api/health")).Expect(HttpStatusCode.OK);
    }

    private static async Task NoCors(TestServer server, string origin)
    {
        foreach (var path in new[] { "/", "/api/health", "/api/auth/me", "/api/nothing", "/api/chat/runs" })
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Options })
            {
                var answer =
                    await Send(server.Client(), method, path, null, null, ("Origin", origin), ("Access-Control-Request-Method", "POST"));
                Assert.DoesNotContain(
                    answer.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
            }
        }
    }

    private static async Task<HttpResponseMessage> Send(
        HttpClient client, HttpMethod method, string path, string? body, string? contentType, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.Add("Content-Type", contentType);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return await client.SendAsync(request);
    }
}
