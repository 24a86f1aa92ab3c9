using System.Net;

namespace AiChat.Tests.Api;

/// <summary>
/// A first start behind Debian's nginx on the same machine, which forwards no client address: a stranger neither becomes administrator nor
/// escapes the limits, and the owner gets in.
/// </summary>
public sealed class BehindNginxTests
{
    public static TheoryData<string> Proxies => new(
        "proxy_http_version 1.0;",
        "proxy_http_version 1.1;", // 1.29.7's own choice: looks like a person on this machine
        "proxy_http_version 1.1; proxy_set_header Host aichat_backend;",
        "proxy_set_header Host $host;",
        "proxy_set_header Host $http_host;",
        "proxy_set_header Host $host:$server_port;",
        "proxy_set_header X-Forwarded-Host $http_host;",
        "proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task A_stranger_stays_outside_and_the_owner_comes_in(string directives)
    {
        foreach (var trusted in new[] { "", "127.0.0.0/8" })
        {
            await using var server = await TestServer.StartAsync(
                new TestServerOptions { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = trusted } });
            await using var nginx = await Nginx.StartAsync("", $"proxy_pass http://{server.BaseUri.Authority}; {directives}");
            using var stranger = nginx.Client();
            stranger.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin"); // to 127.0.0.1 browsers send it
            await (await Register(stranger, "stranger", null)).ExpectProblem(HttpStatusCode.Forbidden, "setup_code_required");

            using var owner = nginx.Client();
            owner.DefaultRequestHeaders.Add(
                "X-Requested-With", "aichat"); // over plain HTTP to another machine they send only this, with Origin
            await (await Register(owner, "owner", TestServer.SetupCode)).Expect(HttpStatusCode.Created);
            await (await owner.PostJson("/api/sessions", new { })).Expect(HttpStatusCode.Created);
            await (await owner.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
            await (await owner.PatchJson("/api/settings/system", new { brandText = "Ours" })).Expect(HttpStatusCode.OK);

            stranger.DefaultRequestHeaders.Remove("Sec-Fetch-Site");
            stranger.DefaultRequestHeaders.Add("Origin", "http://evil.example");
            await (await stranger.PostJson("/api/auth/login", new { username = "owner", password = TestServer.Password }))
                .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        }
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task Nobody_escapes_the_limits_by_address(string directives)
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        await using var nginx = await Nginx.StartAsync("", $"proxy_pass http://{server.BaseUri.Authority}; {directives}");
        using var stranger = nginx.Client();
        stranger.DefaultRequestHeaders.Add("X-Requested-With", "aichat");
        var answers = new List<HttpStatusCode>();
        for (var n = 0; n < 7; n++)
        {
            answers.Add((await Register(stranger, $"stranger{n}", null)).StatusCode);
        }

        Assert.Equal(5, answers.Count(status => status == HttpStatusCode.Accepted));
        Assert.Equal(2, answers.Count(status => status == HttpStatusCode.TooManyRequests));
        var looks = new List<HttpStatusCode>();
        for (var n = 0; n < 70; n++)
        {
            looks.Add((await stranger.GetAsync("/api/auth/me")).StatusCode);
        }

        Assert.Contains(HttpStatusCode.TooManyRequests, looks);
    }

    [NativeFact]
    [Trait("Nodes", "One")] // each server tells it in its own log
    public async Task A_proxy_that_is_not_listed_is_told_of_once()
    {
        await using var server = await TestServer.StartAsync();
        await using var nginx = await Nginx.StartAsync(
            "", $"proxy_pass http://{server.BaseUri.Authority}; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
        using var client = nginx.Client();
        await client.GetAsync("/api/health");
        await client.GetAsync("/api/health");
        Assert.Contains("TRUSTED_PROXIES=127.0.0.1", await server.NextLine("not in TRUSTED_PROXIES"));
        await server.StopAsync();
        Assert.Single(server.Output.Split('\n'), line => line.Contains("not in TRUSTED_PROXIES"));
    }

    private static Task<HttpResponseMessage> Register(HttpClient client, string username, string? setupCode) =>
        client.PostJson("/api/auth/register", new { username, password = TestServer.Password, setupCode });
}
