using System.Net;
using System.Net.Http.Headers;
using AiChat.Endpoints.Auth;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Api;

public sealed class RouteMatrixTests
{
    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Every_route_is_in_the_table_and_says_the_same()
    {
        await using var server = await TestServer.StartAsync();
        var served = server.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["ANY"])
                .Select(method => $"{method} {endpoint.RoutePattern.RawText!.TrimEnd('/')} "
                    + (endpoint.Metadata.GetMetadata<AllowedFor>()?.Access.ToString() ?? "nobody")))
            .Order().ToList();
        var written = RouteTable.Rows.Select(row => $"{row.Method} {row.Path} {row.Access}").Order().ToList();

        Assert.Equal(written, served);
    }

    [Fact]
    public async Task Whoever_may_not_call_a_route_is_refused_and_whoever_may_is_not()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { requestsPerMinute = 0 })).Expect(HttpStatusCode.OK);
        var adminToken = await Bearer(server, "admin");
        await server.RegisterUserAsync(admin, "member");
        var memberToken = await Bearer(server, "member");
        await server.RegisterUserAsync(null, "pending");
        await server.RegisterUserAsync(admin, "disabled");
        var disabledToken = await Bearer(server, "disabled");
        var disabledId = (await admin.GetJson("/api/users?q=disabled")).GetProperty("items")[0].GetProperty("id").GetInt64();
        await (await admin.PutJson($"/api/users/{disabledId}/status", new { status = "DISABLED" })).Expect(HttpStatusCode.OK);

        var wrong = new List<string>();
        foreach (var row in RouteTable.Rows)
        {
            if (row.Access == Access.Operator)
            {
                await Check(wrong, server, row, "stranger", null, HttpStatusCode.NotFound);
                await Check(wrong, server, row, "admin", adminToken, HttpStatusCode.NotFound);
                continue;
            }

            // Each stranger has its own address, so that no rate limit answers in place of the access rule.
            await Check(wrong, server, row, "stranger", null, row.Access == Access.Public ? null : HttpStatusCode.Unauthorized);
            await Check(
                wrong, server, row, "disabled", disabledToken, row.Access == Access.Public ? null : HttpStatusCode.Unauthorized,
                HttpStatusCode.Forbidden);
            await Check(wrong, server, row, "member", memberToken, row.Access == Access.Admin ? HttpStatusCode.Forbidden : null);
            if (row.Access == Access.Admin)
            {
                await Check(wrong, server, row, "admin", adminToken, (HttpStatusCode?)null);
            }
        }

        Assert.Empty(wrong);
    }

    private static async Task<string> Bearer(TestServer server, string username) =>
        (await (await server.Client().PostJson("/api/auth/token", new { username, password = TestServer.Password })).Json())
            .GetProperty("accessToken").GetString()!;

    /// <summary>
    /// Calls with ids that do not exist and a body that changes nothing. Routes that end the caller's login are called only by users who
    /// must be refused.
    /// </summary>
    private static async Task Check(
        List<string> wrong, TestServer server, RouteTable.Row row, string who, string? token, params HttpStatusCode?[] refusals)
    {
        var refused = refusals[0] is not null;
        if (!refused && (row.Path.Contains("/logout") || row.Path is "/api/catalog/models/overrides"))
        {
            return;
        }

        using var request = new HttpRequestMessage(new HttpMethod(row.Method), row.Missing);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (row.Body)
        {
            request.Content = new StringContent("""{"thisMemberDoesNotExist":1}""", MediaTypeHeaderValue.Parse("application/json"));
        }

        using var response = await server.Client().SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var isRefusal = response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            && !(await response.Content.ReadAsStringAsync()).Contains("confirmation_required"); // each server asks for the password itself
        var allowed = row is { Path: "/api/auth/refresh" } || !isRefusal; // refresh itself answers 401 without a token
        if (refused ? !refusals.Contains(response.StatusCode) : !allowed)
        {
            wrong.Add($"{who}: {row.Method} {row.Path} answered {(int)response.StatusCode}");
        }
    }
}
