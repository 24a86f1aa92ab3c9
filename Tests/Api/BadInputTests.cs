using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using AiChat.Endpoints.Auth;

namespace AiChat.Tests.Api;

/// <summary>
/// Malformed requests on every route that reads a body: a problem, never a 5xx, no change, no internals revealed.
/// </summary>
public sealed class BadInputTests
{
    public static TheoryData<string, string, string> Bodies => new()
    {
        { "malformed", "{\"a\":", "application/json" },
        { "nothing", "", "application/json" },
        { "null", "null", "application/json" },
        { "array", "[]", "application/json" },
        { "string", "\"text\"", "application/json" },
        { "number", "12", "application/json" },
        { "unknown member", "{\"thisMemberDoesNotExist\":true}", "application/json" },
        { "prototype", "{\"__proto__\":{\"role\":\"ADMIN\"}}", "application/json" },
        { "deep", new string('[', 70) + new string(']', 70), "application/json" },
        { "bad UTF-8", "{\"username\":\"\xff\"}", "latin1" },
        { "lone surrogate", "{\"username\":\"\\ud800\",\"content\":\"\\ud800\",\"name\":\"\\ud800\"}", "application/json" },
        { "NUL", "{\"username\":\"a\\u0000b\"}", "application/json" },
        { "trailing", "{} {}", "application/json" },
        { "form", "username=a&password=b", "application/x-www-form-urlencoded" },
        { "text", "{}", "text/plain" },
        { "xml", "<a/>", "application/xml" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_body_is_a_problem_on_every_route_and_changes_nothing(string kind, string body, string contentType)
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var token = await Token(server);
        var before = Dump(server.DataDir);
        var wrong = new List<string>();
        foreach (var row in RouteTable.Rows.Where(row => row.Body))
        {
            await Try(
                server, token, row, kind, contentType == "latin1" ? Encoding.Latin1.GetBytes(body) : Encoding.UTF8.GetBytes(body),
                contentType == "latin1" ? "application/json" : contentType, wrong);
        }

        Assert.Empty(wrong);
        Assert.Equal(before, Dump(server.DataDir));
    }

    [Fact]
    public async Task Wrong_types_and_duplicates_of_every_known_member_are_refused()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var token = await Token(server);
        var before = Dump(server.DataDir);
        string[] members =
        [
            "username", "password", "setupCode", "title", "model", "connectionId", "systemPrompt", "parameters", "temporary", "pinned",
            "archived",
            "sessionId", "content", "clientMessageId", "imageIds", "parentId", "reasoning", "messageId", "role", "status", "dailyLimit",
            "name",
            "provider", "baseUrl", "authType", "keys", "headers", "tags", "modelIds", "registrationEnabled", "brandText", "locale", "items",
            "currentPassword", "newPassword", "retentionDays",
        ];
        string[] values = ["{\"x\":{}}", "[[]]", "1.5e300", "\"\\u0000\"", "true"];
        var wrong = new List<string>();
        foreach (var row in RouteTable.Rows.Where(row => row.Body))
        {
            foreach (var value in values)
            {
                var all = string.Join(',', members.Select(member => $"\"{member}\":{value}"));
                await Try(server, token, row, $"all members {value}", Encoding.UTF8.GetBytes($"{{{all}}}"), "application/json", wrong);
            }

            foreach (var member in members)
            {
                await Try(
                    server, token, row, $"twice {member}", Encoding.UTF8.GetBytes($"{{\"{member}\":\"a\",\"{member}\":\"b\"}}"),
                    "application/json", wrong);
            }
        }

        Assert.Empty(wrong);
        Assert.Equal(before, Dump(server.DataDir));
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused_before_it_is_read()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var token = await Token(server);
        var big = Encoding.UTF8.GetBytes($"{{\"content\":\"{new string('x', 3_000_000)}\"}}");
        // For an administrator there is nothing at the routes of the command line.
        foreach (var row in RouteTable.Rows.Where(row => row is { Body: true, Vendor: false, Access: not Access.Operator }))
        {
            using var request = Request(row, token, big, "application/json");
            request.Headers.ExpectContinue = true; // so that the answer can come before the body is sent
            using var response = await server.Client().SendAsync(request);
            await response.ExpectProblem(System.Net.HttpStatusCode.RequestEntityTooLarge, "too_large");
        }
    }

    [Theory]
    [InlineData("a header of 40 kB", 431)]
    [InlineData("a hundred headers", 431)]
    [InlineData("a URL of 9 kB", 414)]
    [InlineData("a body without a length", 413)]
    public async Task What_is_over_a_limit_of_the_protocol_is_refused_at_once(string kind, int status)
    {
        await using var server = await TestServer.StartAsync();
        using var socket = new TcpClient(server.BaseUri.Host, server.BaseUri.Port);
        await using var stream = socket.GetStream();
        var head = kind switch
        {
            "a header of 40 kB" => $"GET /api/health HTTP/1.1\r\nHost: here\r\nX-A: {new string('a', 40_000)}\r\n\r\n",
            "a hundred headers" =>
                $"GET /api/health HTTP/1.1\r\nHost: here\r\n{string.Concat(Enumerable.Range(0, 100).Select(i => $"X-{i}: a\r\n"))}\r\n",
            "a URL of 9 kB" => $"GET /api/health?{new string('a', 9_000)} HTTP/1.1\r\nHost: here\r\n\r\n",
            _ => "POST /api/auth/login HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                + $"20000\r\n{{\"username\":\"{new string('a', 0x20000 - 13)}\r\n0\r\n\r\n",
        };
        var sending = stream.WriteAsync(Encoding.ASCII.GetBytes(head)).AsTask();
        using var reader = new StreamReader(stream);

        Assert.StartsWith($"HTTP/1.1 {status} ", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(5)));
        await sending.ContinueWith(_ => { }, TaskScheduler.Default); // it may have been cut off
    }

    [Fact]
    public async Task A_million_names_or_a_huge_image_cost_no_more_than_twice_their_limit()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        var token = await Token(server);
        var chat = RouteTable.Rows.Single(row => row is { Method: "POST", Path: "/api/chat/stream" });
        var completions = RouteTable.Rows.Single(row => row is { Method: "POST", Path: "/v1/chat/completions" });
        string[] bodies =
        [
            $"{{{string.Join(',', Enumerable.Range(0, 1_000_000).Select(i => $"\"{i}\":0"))}}}",
            $"{{\"imageIds\":[{string.Join(',', Enumerable.Repeat("\"a\"", 100_000))}]}}",
            $"{{\"content\":{string.Concat(Enumerable.Repeat("[", 65))}{string.Concat(Enumerable.Repeat("]", 65))}}}",
            $"{{\"model\":\"demo\",\"messages\":[{{\"role\":\"user\",\"content\":\"{new string('x', 40_000_000)}\"}}]}}",
        ];
        var before = server.ResetPeak();
        foreach (var row in new[] { chat, completions })
        {
            // Under /v1 a body may have 32 MiB: only the last is too large there.
            foreach (var body in (row == completions ? bodies[3..] : bodies).Select(Encoding.UTF8.GetBytes))
            {
                using var request = Request(row, token, body, "application/json");
                request.Headers.ExpectContinue = true;
                using var response = await server.Client().SendAsync(request);
                Assert.Contains((int)response.StatusCode, new[] { 400, 413 });
            }
        }

        if (before is { } idle)
        {
            Assert.InRange(server.GrownSince(idle), 0, 2 * 32L << 20);
        }
    }

    private static async Task Try(
        TestServer server, string token, RouteTable.Row row, string kind, byte[] body, string contentType, List<string> wrong)
    {
        using var request = Request(row, token, body, contentType);
        using var response = await server.Client().SendAsync(request);
        var status = (int)response.StatusCode;
        var text = await response.Content.ReadAsStringAsync();
        var isProblem = row.Vendor
            ? response.Content.Headers.ContentType?.MediaType == "application/json" && text.Contains("\"error\"", StringComparison.Ordinal)
            : response.Content.Headers.ContentType?.MediaType == "application/problem+json";
        var tells = text.Contains("System.", StringComparison.Ordinal) || text.Contains("AiChat.", StringComparison.Ordinal)
            || text.Contains("Exception", StringComparison.Ordinal);
        if (status is < 400 or >= 500 || !isProblem || tells)
        {
            wrong.Add($"{kind}: {row.Method} {row.Path} answered {status} {response.Content.Headers.ContentType?.MediaType}");
        }
    }

    private static HttpRequestMessage Request(RouteTable.Row row, string token, byte[] body, string contentType)
    {
        var request = new HttpRequestMessage(new HttpMethod(row.Method), row.Missing) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    private static async Task<string> Token(TestServer server)
    {
        var client = server.Client();
        var token = (await (await client.PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password })).Json())
            .GetProperty("accessToken").GetString()!;
        using var request = new HttpRequestMessage(HttpMethod.Patch, "/api/settings/system")
        {
            Content = new StringContent("""{"requestsPerMinute":0}""", MediaTypeHeaderValue.Parse("application/json")),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        (await client.SendAsync(request)).EnsureSuccessStatusCode();
        return token;
    }

    /// <summary>Every row that a user's request could have changed; the server's own counters are left out.</summary>
    private static string Dump(string dataDir)
    {
        using var connection = TestStore.Open(dataDir);
        var text = new StringBuilder();
        foreach (var table in new[]
        {
            "users", "api_keys", "settings", "connections", "model_overrides", "sessions", "messages", "runs", "images", "shares",
            "prompts", "drafts", "daily_usage",
        })
        {
            using var command = connection.CreateCommand();
            command.CommandText = $"select * from {table} order by 1, 2";
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                if (table == "settings" && reader.GetString(0).StartsWith("internal.", StringComparison.Ordinal))
                {
                    continue;
                }

                text.Append(table);
                for (var i = 0; i < reader.FieldCount; i++)
                {
                    text.Append('|')
                        .Append(reader.GetName(i) is "last_checked_at" or "last_error" or "updated_at" ? "" : reader.GetValue(i));
                }

                text.Append('\n');
            }
        }

        return text.ToString();
    }
}
