using System.IdentityModel.Tokens.Jwt;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Auth;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Api;

/// <summary>Which credentials are accepted, and the exchange of refresh tokens.</summary>
public sealed class TokenTests
{
    private const string Secret = "k7Vw2pQz9sXc4tRb8mNf3hJd6gLa1yEu";

    [Fact]
    public async Task Forged_tokens_are_refused()
    {
        await using var server = await TestServer.StartAsync(With(("JWT_SECRET", Secret)));
        await server.RegisterAdminAsync();
        var (access, _) = await Tokens(server);
        var payload = access.Split('.')[1];
        await (await Get(server, "Authorization", $"Bearer {access}")).Expect(HttpStatusCode.OK);

        // Signing works with the right secret, so that the cases below fail for their own reason.
        await (await Get(server, "Authorization", $"Bearer {Sign("""{"alg":"HS256","typ":"at+jwt"}""", payload, Secret)}"))
            .Expect(HttpStatusCode.OK);
        var soon = Claims(payload, ("iat", DateTimeOffset.UtcNow.AddSeconds(40).ToUnixTimeSeconds())); // clocks differ a little
        await (await Get(server, "Authorization", $"Bearer {Sign("""{"alg":"HS256","typ":"at+jwt"}""", soon, Secret)}"))
            .Expect(HttpStatusCode.OK);
        string[] forged =
        [
            Sign("""{"alg":"HS256","typ":"at+jwt"}""", payload, ""),
            Sign("""{"alg":"HS256","typ":"at+jwt"}""", payload, "secret"),
            Sign("""{"alg":"HS256","typ":"at+jwt"}""", payload, "fallback-secret-key"),
            Sign("""{"alg":"HS256","typ":"at+jwt"}""", payload, "your-super-secret-jwt-key-change-this-in-production"),
            Sign("""{"alg":"HS256","typ":"at+jwt","kid":"../../dev/null"}""", payload, ""),
            Sign("""{"alg":"HS256","typ":"at+jwt","jwk":{"kty":"oct","k":"c2VjcmV0"}}""", payload, "secret"),
            Sign("""{"alg":"HS384","typ":"at+jwt"}""", payload, Secret, HMACSHA384.HashData),
            Sign("""{"alg":"RS256","typ":"at+jwt"}""", payload, Secret),
            Sign("""{"alg":"HS256","typ":"JWT"}""", payload, Secret),
            Sign("""{"alg":"HS256"}""", payload, Secret),
            $"{Encode("""{"alg":"none","typ":"at+jwt"}""")}.{payload}.",
            $"{Encode("""{"alg":"None","typ":"at+jwt"}""")}.{payload}.",
            $"{Encode("""{"alg":"nOnE","typ":"at+jwt"}""")}.{payload}.x",
            access[..^2] + (access.EndsWith("AA", StringComparison.Ordinal) ? "BB" : "AA"),
            "a.b.c",
            "...",
            "x",
            new string('a', 10_000),
        ];
        string[] changed =
        [
            Claims(payload, ("iss", "other")), Claims(payload, ("aud", "other")), Claims(payload, ("exp", null)),
            Claims(payload, ("exp", 1)),
            Claims(payload, ("nbf", 4_000_000_000)), Claims(payload, ("sid", "999")), Claims(payload, ("sub", "999")),
            Claims(payload, ("epoch", "0")), Claims(payload, ("sid", null)),
            Claims(payload, ("iat", DateTimeOffset.UtcNow.AddSeconds(70).ToUnixTimeSeconds())), Claims(payload, ("iat", 4_000_000_000)),
            Claims(payload, ("iat", null)),
        ];
        foreach (var token in forged.Concat(changed.Select(claims => Sign("""{"alg":"HS256","typ":"at+jwt"}""", claims, Secret))))
        {
            await (await Get(server, "Authorization", $"Bearer {token}")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
            await (await Get(server, "Cookie", $"aichat={token}")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        }
    }

    [Theory]
    [InlineData("short")]
    [InlineData("fallback-secret-key")]
    [InlineData("your-super-secret-jwt-key-change-this-in-production")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("abababababababababababababababababababab")]
    public async Task A_secret_that_others_know_stops_the_start(string secret)
    {
        var error = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(With(("JWT_SECRET", secret))));
        Assert.Contains("JWT_SECRET", error.Message);
        Assert.Equal(78, error.ExitCode);
    }

    [Fact]
    public async Task A_header_beats_the_cookie_even_when_it_is_wrong()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var (name, value) in new[]
        {
            ("Authorization", "Bearer nonsense"), ("Authorization", "Bearer sk-nonsense"), ("x-api-key", "sk-nonsense"),
            ("x-api-key", "nonsense"),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/auth/me");
            request.Headers.Add(name, value);
            await (await admin.SendAsync(request)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        }

        await admin.GetJson("/api/auth/me");
    }

    [Fact]
    public async Task Query_strings_carry_no_credentials()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var (access, _) = await Tokens(server);
        foreach (var name in new[] { "token", "access_token", "key", "api_key", "aichat" })
        {
            await (await server.Client().GetAsync($"/api/auth/me?{name}={access}")).Expect(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task A_key_opens_only_its_scope_and_dies_with_time_and_user()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await server.RegisterUserAsync(admin, "keeper");
        var id = (await admin.GetJson("/api/users?q=keeper")).GetProperty("items")[0].GetProperty("id").GetInt64();
        var (narrow, wide, old) =
            (AddKey(server, id, "[]", null), AddKey(server, id, """["api"]""", null), AddKey(server, id, """["api"]""", 1));

        foreach (var (header, form) in new[] { ("Authorization", "Bearer {0}"), ("x-api-key", "{0}") })
        {
            await (await Get(server, header, string.Format(form, narrow))).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
            await (await Get(server, header, string.Format(form, old))).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
            await (await Get(server, header, string.Format(form, wide))).Expect(HttpStatusCode.OK);
        }

        await (await admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED" })).Expect(HttpStatusCode.OK);
        await (await Get(server, "x-api-key", wide)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await admin.DeleteAsync($"/api/users/{id}")).Expect(HttpStatusCode.NoContent);
        await (await Get(server, "x-api-key", wide)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task A_refresh_token_is_exchanged_and_an_old_one_ends_the_login()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var (_, first) = await Tokens(server);
        var second = (await (await Refresh(server, first)).Json()).GetProperty("refreshToken").GetString()!;
        Assert.NotEqual(first, second);

        // The previous token again: the response was lost, or another tab was faster.
        var again = (await (await Refresh(server, first)).Json()).GetProperty("refreshToken").GetString()!;
        Assert.Equal(second, again);

        var third = (await (await Refresh(server, second)).Json()).GetProperty("refreshToken").GetString()!;
        await (await Refresh(server, first)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await Refresh(server, third)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task A_made_up_refresh_token_ends_nobodys_login()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var (_, refresh) = await Tokens(server);
        foreach (var token in new[] { "1.x", ".", "", "x", $"AAAA.{refresh.Split('.')[1]}", new string('a', 5_000) })
        {
            await (await Refresh(server, token)).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        }

        await (await Refresh(server, refresh)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Time_ends_access_tokens_and_the_grace_of_the_one_before()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-23T08:00:00Z"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        await server.RegisterAdminAsync();
        var (access, first) = await Tokens(server);
        clock.Advance(TimeSpan.FromMinutes(11));
        await (await Get(server, "Authorization", $"Bearer {access}")).Expect(HttpStatusCode.Unauthorized);

        var second = (await (await Refresh(server, first)).Json()).GetProperty("refreshToken").GetString()!;
        clock.Advance(TimeSpan.FromSeconds(11));
        await (await Refresh(server, first)).Expect(HttpStatusCode.Unauthorized);
        await (await Refresh(server, second)).Expect(HttpStatusCode.Unauthorized);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_token_from_the_future_is_refused_also_when_it_was_good_before_the_clock_went_back()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-23T08:00:00Z"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        await server.RegisterAdminAsync();
        var (access, refresh) = await Tokens(server);
        await (await Get(server, "Authorization", $"Bearer {access}")).Expect(HttpStatusCode.OK);
        clock.AdjustTime(clock.GetUtcNow() - TimeSpan.FromSeconds(59));
        await (await Get(server, "Authorization", $"Bearer {access}")).Expect(HttpStatusCode.OK);
        clock.AdjustTime(clock.GetUtcNow() - TimeSpan.FromSeconds(10));
        await (await Get(server, "Authorization", $"Bearer {access}")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await Refresh(server, refresh)).Expect(HttpStatusCode.OK);
    }

    private static TestServerOptions With(params (string Name, string Value)[] variables) =>
        new() { Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value) };

    private static async Task<(string Access, string Refresh)> Tokens(TestServer server)
    {
        var answer =
            await (await server.Client().PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password })).Json();
        return (answer.GetProperty("accessToken").GetString()!, answer.GetProperty("refreshToken").GetString()!);
    }

    private static Task<HttpResponseMessage> Refresh(TestServer server, string refreshToken) =>
        server.Client().PostJson("/api/auth/token", new { refreshToken });

    private static async Task<HttpResponseMessage> Get(TestServer server, string header, string value)
    {
        // A bare client: the browser's cookie jar would overwrite a cookie header.
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.BaseUri, "/api/auth/me"));
        request.Headers.Add(header, value);
        return await client.SendAsync(request);
    }

    private static string AddKey(TestServer server, long userId, string scopes, long? expiresAt)
    {
        var key = "sk-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = """
            insert into api_keys (user_id, name, key_hash, prefix, scopes, expires_at, created_at)
            values (@user, 'k', @hash, 'sk-', @scopes, @expires, 0)
            """;
        command.Add("@user", userId);
        command.Add("@hash", Credentials.Hash(key));
        command.Add("@scopes", scopes);
        command.Add("@expires", expiresAt is { } at ? at : DBNull.Value);
        command.ExecuteNonQuery();
        return key;
    }

    private static string Encode(string text) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static string Sign(string header, string payload, string secret, Func<byte[], byte[], byte[]>? mac = null)
    {
        var signed = $"{Encode(header)}.{payload}";
        var signature = (mac ?? HMACSHA256.HashData)(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(signed));
        return $"{signed}.{Convert.ToBase64String(signature).TrimEnd('=').Replace('+', '-').Replace('/', '_')}";
    }

    /// <summary>The claims with one of them changed, or taken out.</summary>
    private static string Claims(string payload, (string Name, object? Value) change)
    {
        var claims = JwtPayload.Base64UrlDeserialize(payload);
        claims.Remove(change.Name);
        if (change.Value is not null)
        {
            claims[change.Name] = change.Value;
        }

        return Encode(JsonSerializer.Serialize(claims.ToDictionary(claim => claim.Key, claim => claim.Value)));
    }
}
