using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AiChat.Tests.Api;

/// <summary>Runs alone, after the other tests, because it measures the server's time and memory.</summary>
[CollectionDefinition(nameof(Measured), DisableParallelization = true)]
public sealed class Measured;

/// <summary>
/// Timing and memory: accounts distinguishable by response time, crowds that exhaust the server.
/// </summary>
[Collection(nameof(Measured))]
public sealed class MeasuredTests
{
    private const int Crowd = 300;
    private const int Stops = 100_000;

    /// <summary>A login waits at most ten seconds for its hash to begin.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(12);

    /// <summary>A name may be tried fifty times an hour before its answers are delayed.</summary>
    private const int RoundsWithoutDelay = 45;

    [Fact]
    public async Task Known_unknown_waiting_and_disabled_names_cannot_be_told_apart()
    {
        await using var server = await BehindProxy();
        var admin = await server.RegisterAdminAsync("known");
        await server.RegisterUserAsync(admin: null, "waiting");
        await server.RegisterUserAsync(admin, "disabled");
        var id = (await admin.GetJson("/api/users?q=disabled")).GetProperty("items")[0].GetProperty("id").GetInt64();
        await (await admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED", reason = "gone" })).Expect(HttpStatusCode.OK);

        string[] names = ["known", "nobody", "waiting", "disabled"];
        var times = names.ToDictionary(name => name, _ => new List<double>());
        var bodies = new HashSet<string>();
        var client = server.Client();

        // Noise averages out over the rounds, a real difference does not: 5 % must be reached within 300 rounds.
        for (var round = 0; round < 20 || (round < 300 && Spread(times) > 0.05); round++)
        {
            if (round % RoundsWithoutDelay == RoundsWithoutDelay - 1)
            {
                await server.RestartAsync(); // a name that is tried more often is answered later, whether it exists or not
            }

            foreach (var name in names)
            {
                using var request =
                    Login($"198.51.{round % 250}.{(round / 250 * 4) + Array.IndexOf(names, name) + 1}", name, "wrong-CANARY");
                var watch = Stopwatch.GetTimestamp();
                var answer = await client.SendAsync(request);
                times[name].Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
                var problem = await answer.ExpectProblem(HttpStatusCode.Unauthorized, "invalid_credentials");
                var headers = string.Join(',', answer.Headers.Select(header => header.Key).Order());
                bodies.Add($"{problem.GetProperty("detail")} {problem.GetRawText().Length} {headers}");
            }
        }

        Assert.Single(bodies);
        Assert.True(Spread(times) <= 0.05, string.Join(' ', times.Values.Select(Median)));
        await (await client.PostJson("/api/auth/login", new { username = "disabled", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Forbidden, "account_disabled");
    }

    [Fact]
    public async Task Three_hundred_logins_at_once_leave_the_rest_quick()
    {
        await using var server = await BehindProxy();
        var admin = await server.RegisterAdminAsync();
        var client = server.Client();
        await LiftRateLimit(admin);
        // The connections and one hash are made before, so that only the hashing of the crowd is measured.
        await Task.WhenAll(Enumerable.Range(0, Crowd).Select(_ => client.GetAsync("/api/health")));
        using (var first = Login("203.0.113.200", "nobody", "guess-CANARY"))
        {
            await client.SendAsync(first);
        }

        var before = server.ResetPeak();
        var flood = Enumerable.Range(0, Crowd).Select(async n =>
        {
            using var request = Login($"203.0.{n / 250}.{n % 250}", $"nobody_{n}", "guess-CANARY");
            var watch = Stopwatch.GetTimestamp();
            var answer = await client.SendAsync(request);
            return (Answer: answer, Took: Stopwatch.GetElapsedTime(watch));
        }).ToList();
        var everybody = Task.WhenAll(flood);
        var others = await OthersUntil(everybody, admin);
        var answers = await everybody;
        await RightOneGetsIn(client);

        Assert.All(answers, one => Assert.Contains((int)one.Answer.StatusCode, new[] { 401, 429, 503 }));
        var refused = answers.Where(one => one.Answer.StatusCode != HttpStatusCode.Unauthorized).ToList();
        Assert.All(refused, one => Assert.NotNull(one.Answer.Headers.RetryAfter));
        Assert.All(answers, one => Assert.InRange(one.Took, TimeSpan.Zero, MaxWait));
        Assert.InRange(others.Order().ElementAt(others.Count * 95 / 100), 0, 100);
        if (before is { } idle)
        {
            var slots = Math.Min(4, Environment.ProcessorCount);
            Assert.InRange(server.GrownSince(idle), 0, slots * 20L << 20);
        }
    }

    [NativeFact]
    public async Task A_hundred_thousand_stops_of_answers_that_are_not_there_leave_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await LiftRateLimit(admin);
        var token =
            (await (await server.Client().PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password })).Json())
            .GetProperty("accessToken").GetString();
        await StopAll(server, token!, Stops / 10);
        var before = server.ResetPeak();

        var answers = await StopAll(server, token!, Stops);

        Assert.Equal(Stops, answers);
        Assert.InRange(server.PeakBytes(), 0, (before!.Value * 12 / 10) + (32L << 20));
    }

    /// <summary>Sends pipelined stop requests with random ids and counts the 404s.</summary>
    private static async Task<int> StopAll(TestServer server, string token, int count)
    {
        using var socket = new TcpClient(server.BaseUri.Host, server.BaseUri.Port);
        await using var stream = socket.GetStream();
        var random = new Random(1);
        var sending = Task.Run(async () =>
        {
            for (var sent = 0; sent < count; sent += 500)
            {
                var head = $"POST /api/chat/stop HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\n"
                    + "Content-Type: application/json\r\n";
                var batch = new StringBuilder();
                for (var n = 0; n < 500; n++)
                {
                    var body = $$"""{"messageId":{{random.NextInt64(1, 1L << 50)}}}""";
                    batch.Append(head);
                    batch.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n\r\n{body}");
                }

                await stream.WriteAsync(Encoding.ASCII.GetBytes(batch.ToString()));
            }
        });
        using var reader = new StreamReader(stream, Encoding.ASCII, false, 1 << 16, leaveOpen: true);
        var found = 0;
        while (found < count && await reader.ReadLineAsync() is { } line)
        {
            // A body has no line end, so the first line of the next response follows it directly.
            found += line.EndsWith("HTTP/1.1 404 Not Found", StringComparison.Ordinal) ? 1 : 0;
        }

        await sending;
        return found;
    }

    private static async Task<List<double>> OthersUntil(Task end, HttpClient client)
    {
        var took = new List<double>();
        do
        {
            var watch = Stopwatch.GetTimestamp();
            await (await client.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);
            took.Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
        }
        while (!end.IsCompleted);
        return took;
    }

    /// <summary>The difference of the medians relative to the greatest.</summary>
    private static double Spread(Dictionary<string, List<double>> times)
    {
        var medians = times.Values.Select(Median).ToList();
        return (medians.Max() - medians.Min()) / medians.Max();
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

    private static async Task LiftRateLimit(HttpClient admin) =>
        (await admin.PatchAsync(
            "/api/settings/system", new StringContent("""{"requestsPerMinute":0}""", Encoding.UTF8, "application/json")))
            .EnsureSuccessStatusCode();

    private static async Task RightOneGetsIn(HttpClient client)
    {
        using var request = Login("198.51.100.1", "admin", TestServer.Password);
        await (await client.SendAsync(request)).Expect(HttpStatusCode.OK);
    }

    private static HttpRequestMessage Login(string address, string username, string password)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/auth/login")
        {
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new { username, password }))
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            },
        };
        request.Headers.Add("X-Forwarded-For", address);
        return request;
    }

    private static Task<TestServer> BehindProxy() =>
        TestServer.StartAsync(new TestServerOptions { Variables = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = "127.0.0.0/8" } });
}
