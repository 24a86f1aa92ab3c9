using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Below a path: by BASE_PATH, by a trusted proxy's X-Forwarded-Prefix, or both; whether the proxy takes the path away or passes it on.
/// </summary>
public sealed class BasePathTests
{
    /// <summary>BASE_PATH, X-Forwarded-Prefix, what stands before the server's own paths, and the base that people see.</summary>
    public static TheoryData<string, string, string, string> Ways => new()
    {
        { "/chat", "", "/chat", "/chat" },
        { "/chat", "", "", "/chat" },
        { "", "/chat", "", "/chat" },
        { "", "/chat/", "/chat", "/chat" },
        { "/chat", "/chat", "", "/chat" },
        { "/chat", "/chat", "/chat", "/chat" },
        { "/chat", "/outer", "/chat", "/outer/chat" },
        { "/chat", "/outer/chat", "/outer/chat", "/outer/chat" },
        { "", "/a/b", "", "/a/b" },
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Page_links_and_cookies_stand_below_the_path(string basePath, string prefix, string before, string seen)
    {
        await using var server = await TestServer.StartAsync(Behind(basePath));
        foreach (var scheme in new[] { "http", "https" })
        {
            using var browser = Bare(server);
            browser.DefaultRequestHeaders.Add("X-Forwarded-Proto", scheme);
            if (prefix.Length > 0)
            {
                browser.DefaultRequestHeaders.Add("X-Forwarded-Prefix", prefix);
            }

            Assert.Contains($"<base href=\"{seen}/\"", await browser.GetStringAsync($"{before}/"));
            Assert.Contains($"<base href=\"{seen}/\"", await browser.GetStringAsync($"{before}/c/7"));
            var cookies = SetCookies(scheme == "http"
                ? await browser.PostJson(
                    $"{before}/api/auth/register",
                    new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode })
                : await browser.PostJson($"{before}/api/auth/login", new { username = "admin", password = TestServer.Password }));
            Assert.InRange(cookies.Count, 2, 3); // a login also marks the device
            foreach (var cookie in cookies)
            {
                var isAccess = !cookie.Name.Contains("_refresh_", StringComparison.Ordinal)
                    && !cookie.Name.Contains("_device_", StringComparison.Ordinal);
                Assert.Equal(isAccess ? seen : $"{seen}/api/auth", cookie.Path);
                Assert.Equal(scheme == "https", cookie.Text.Contains("; secure", StringComparison.Ordinal));
                Assert.Equal(scheme == "https", cookie.Name.StartsWith("__Secure-", StringComparison.Ordinal));
            }

            browser.DefaultRequestHeaders.Add("Cookie", string.Join("; ", cookies.Select(cookie => $"{cookie.Name}={cookie.Value}")));
            await (await browser.PostJson($"{before}/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
            using var image = new ByteArrayContent(SampleImages.Png(8, 8));
            image.Headers.ContentType = new("image/png");
            var uploaded = await (await browser.PostAsync($"{before}/api/images", image)).Json(HttpStatusCode.Created);
            Assert.StartsWith($"{seen}/chat-images/", uploaded.Text("url"));
            Assert.Equal(
                HttpStatusCode.OK, (await browser.GetAsync(before + uploaded.Text("url")![seen.Length..])).StatusCode);
        }
    }

    [Fact]
    public async Task Cookies_that_an_older_version_set_at_the_root_go_on_and_are_replaced()
    {
        await using var server = await TestServer.StartAsync(Behind("/chat"));
        using var browser = Bare(server);
        var login = new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode };
        var set = SetCookies(await browser.PostJson("/chat/api/auth/register", login));
        var id = JsonSerializer.Deserialize<JsonElement>(await File.ReadAllTextAsync(Path.Combine(server.DataDir, "instance.json")))
            .GetProperty("installId").GetString();
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{id}|/chat")))[..8];
        var (access, refresh) = ($"aichat_{mark}", $"aichat_refresh_{mark}");
        Assert.DoesNotContain(set, cookie => cookie.Name == access);

        using var older = Bare(server);
        older.DefaultRequestHeaders.Add("Cookie", $"{access}={Value(set, "aichat_")}; {refresh}={Value(set, "aichat_refresh_")}");
        await (await older.GetAsync("/chat/api/auth/me")).Expect(HttpStatusCode.OK);
        var refreshed = await older.PostJson("/chat/api/auth/refresh", new { });
        await refreshed.Expect(HttpStatusCode.OK);
        var next = SetCookies(refreshed);
        Assert.Contains(next, cookie => cookie.Name == access && cookie is { Value: "", Path: "/" });
        Assert.Contains(next, cookie => cookie.Name == refresh && cookie is { Value: "", Path: "/chat/api/auth" });

        // The stale one of the root comes along until it is dropped and does not win.
        using var both = Bare(server);
        both.DefaultRequestHeaders.Add("Cookie", $"{next.First(c => c.Value.Length > 0).Name}={Value(next, "aichat_")}; {access}=stale");
        await (await both.GetAsync("/chat/api/auth/me")).Expect(HttpStatusCode.OK);
    }

    private static string Value(IEnumerable<SetCookie> cookies, string name) =>
        cookies.First(cookie => cookie.Value.Length > 0 && cookie.Name.Length == name.Length + 8 && cookie.Name.StartsWith(name)).Value;

    private static TestServerOptions Behind(string basePath) => new()
    {
        Variables = new Dictionary<string, string> { ["BASE_PATH"] = basePath, ["TRUSTED_PROXIES"] = "127.0.0.0/8" },
    };

    private static HttpClient Bare(TestServer server)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = server.BaseUri };
        client.DefaultRequestHeaders.Add("X-Requested-With", "aichat");
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.7");
        return client;
    }

    private static List<SetCookie> SetCookies(HttpResponseMessage response) =>
    [
        .. response.Headers.GetValues("Set-Cookie").Select(text =>
        {
            var parts = text.Split("; ");
            var (name, value) = (parts[0][..parts[0].IndexOf('=')], parts[0][(parts[0].IndexOf('=') + 1)..]);
            return new SetCookie(name, value, parts.First(part => part.StartsWith("path=", StringComparison.Ordinal))[5..], text);
        }),
    ];

    private sealed record SetCookie(string Name, string Value, string Path, string Text);
}
