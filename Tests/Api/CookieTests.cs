using System.Net;
using System.Net.Http.Json;

namespace AiChat.Tests.Api;

/// <summary>Browsers send cookies to every port of a host, so two installations on one host see each other's.</summary>
public sealed class CookieTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("", "/chat")]
    [InlineData("/dev", "/test")]
    public async Task Two_installations_on_one_host_do_not_sign_each_other_out(string onePath, string otherPath)
    {
        await using var oneServer = await TestServer.StartAsync(Below(onePath));
        await using var otherServer = await TestServer.StartAsync(Below(otherPath));
        var (one, other) = (new Uri(oneServer.BaseUri + onePath.TrimStart('/')), new Uri(otherServer.BaseUri + otherPath.TrimStart('/')));
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), UseProxy = false });
        await Register(browser, one);
        await Register(browser, other);
        await Is(browser, one, HttpStatusCode.OK);
        await Login(browser, one);
        await Login(browser, other);
        await Is(browser, one, HttpStatusCode.OK);
        await Is(browser, other, HttpStatusCode.OK);
        foreach (var place in new[] { one, other })
        {
            await (await Post(browser, place, "/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        }

        await (await Post(browser, other, "/api/auth/logout", new { })).Expect(HttpStatusCode.NoContent);
        await Is(browser, other, HttpStatusCode.Unauthorized);
        await Is(browser, one, HttpStatusCode.OK);
        await (await Post(browser, one, "/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_login_of_an_earlier_version_goes_on_and_changes_its_cookies()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var (access, refresh) = await Unmarked(server);
        using var browser = Bare(server, $"aichat={access}; aichat_refresh={refresh}");
        await (await browser.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);
        var refreshed = await browser.PostJson("/api/auth/refresh", new { });
        await refreshed.Expect(HttpStatusCode.OK);
        var cookies = refreshed.Headers.GetValues("Set-Cookie").ToList();
        Assert.Contains(cookies, cookie => cookie.StartsWith("aichat=; max-age=0", StringComparison.Ordinal));
        Assert.Contains(cookies, cookie => cookie.StartsWith("aichat_refresh=; max-age=0", StringComparison.Ordinal));
        using var changed =
            Bare(server, string.Join("; ", cookies.Select(cookie => cookie.Split(';')[0]).Where(cookie => !cookie.EndsWith('='))));
        await (await changed.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_earlier_versions_cookie_of_another_installation_is_left_alone()
    {
        await using var server = await TestServer.StartAsync();
        await using var other = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        await other.RegisterAdminAsync();
        var (access, refresh) = await Unmarked(other);
        using var browser = Bare(server, $"aichat={access}; aichat_refresh={refresh}");
        foreach (var path in new[] { "/api/auth/refresh", "/api/auth/logout", "/api/auth/login" })
        {
            var answer = await browser.PostJson(
                path,
                path.EndsWith("login", StringComparison.Ordinal) ? new { username = "admin", password = TestServer.Password } : new { });
            Assert.DoesNotContain(answer.Headers.TryGetValues(
                "Set-Cookie", out var set) ? set : [], cookie => cookie.StartsWith("aichat=", StringComparison.Ordinal)
                || cookie.StartsWith("aichat_refresh=", StringComparison.Ordinal));
        }

        using var there = Bare(other, $"aichat={access}; aichat_refresh={refresh}");
        await (await there.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);
    }

    private static HttpClient Bare(TestServer server, string cookies)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = server.BaseUri };
        client.DefaultRequestHeaders.Add("Cookie", cookies);
        return client;
    }

    /// <summary>The values of a fresh login's cookies.</summary>
    private static async Task<(string Access, string Refresh)> Unmarked(TestServer server)
    {
        var login = await server.Client().PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password });
        var cookies = login.Headers.GetValues("Set-Cookie").Select(cookie => cookie.Split(';')[0].Split('=', 2))
            .ToDictionary(pair => pair[0][..^9], pair => pair[1]);
        return (cookies["aichat"], cookies["aichat_refresh"]);
    }

    private static TestServerOptions Below(string path) => new() { Variables = new Dictionary<string, string> { ["BASE_PATH"] = path } };

    private static async Task Register(HttpClient browser, Uri place) => await (await Post(
        browser, place, "/api/auth/register",
        new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode })).Expect(HttpStatusCode.Created);

    private static async Task Login(HttpClient browser, Uri place) =>
        await (await Post(browser, place, "/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);

    private static async Task Is(HttpClient browser, Uri place, HttpStatusCode expected) =>
        await (await browser.GetAsync(new Uri(place.AbsoluteUri.TrimEnd('/') + "/api/auth/me"))).Expect(expected);

    private static async Task<HttpResponseMessage> Post(HttpClient browser, Uri place, string path, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(place.AbsoluteUri.TrimEnd('/') + path))
        {
            Content = JsonContent.Create(body),
        };
        request.Headers.Add("Origin", place.GetLeftPart(UriPartial.Authority));
        return await browser.SendAsync(request);
    }
}
