using System.Net;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>
/// A server with little memory refuses what does not fit and finishes what it accepted; a hostile line takes no memory.
/// </summary>
[Collection(nameof(Measured))]
public sealed class MemoryPressureTests
{
    private const int Streams = 200;
    private const int Uploads = 20;

    [NativeTheory]
    [InlineData(16 * 1024)]
    [InlineData(256 * 1024)]
    [InlineData(DeltaWriter.MaxText)]
    public async Task At_192_mebibytes_200_streams_and_20_uploads_are_served_or_told_to_come_back(int length)
    {
        var piece = new string('x', 8 * 1024);
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            for (var sent = 0; sent < length; sent += piece.Length)
            {
                await OpenAiScript.Piece(exchange, piece);
            }

            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "C000000" }, // hexadecimal: 192 MiB
        });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await UsageLimitTests.Set(admin, new { maxRunsPerUser = 0, requestsPerMinute = 0, defaultUserDailyQuota = -1 });
        var sessions = await Task.WhenAll(Enumerable.Range(0, Streams).Select(_ => admin.NewSession(connection)));
        var picture = new byte[10 * 1024 * 1024 - 1024];
        SampleImages.Png(2, 3, ("zzZz", new byte[picture.Length - 100])).AsSpan().CopyTo(picture);

        var uploads = Enumerable.Range(0, Uploads).Select(async _ =>
        {
            using var content = new ByteArrayContent(picture) { Headers = { ContentType = new("image/png") } };
            using var answer = await admin.PostAsync("/api/images", content);
            return answer.StatusCode;
        }).ToList();
        var answers = await Task.WhenAll(sessions.Select(async session =>
        {
            var body = new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/chat/stream");
            request.Content = System.Net.Http.Json.JsonContent.Create(body);
            using var response = await admin.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                await response.ExpectProblem(HttpStatusCode.ServiceUnavailable, "overloaded");
                Assert.NotNull(response.Headers.RetryAfter);
                return "refused";
            }

            await using var stream = await SseStream.OpenAsync(response);
            var seen = new Transcript();
            await seen.ReadAll(stream);
            var status = seen.Done!.Json.Text("status")!;
            Assert.True(status != "done" || seen.Content.Length >= length);
            return status;
        }));
        var statuses = await Task.WhenAll(uploads);

        Assert.All(statuses, status => Assert.True(status is HttpStatusCode.Created or HttpStatusCode.ServiceUnavailable));
        var counts = string.Join(", ", answers.CountBy(answer => answer).Select(pair => $"{pair.Value} {pair.Key}"));
        // Nine of the longest answers fill the budget; a crowd that grows evenly still finishes as many.
        Assert.True(answers.Count(answer => answer == "done") >= 9, counts);

        // A client that was refused is served soon, because the garbage of the crowd is collected.
        var began = TimeProvider.System.GetTimestamp();
        HttpStatusCode later;
        do
        {
            using var answer = await admin.PostJson(
                "/api/chat/completion", new { sessionId = sessions[0], content = "again", clientMessageId = ChatSteps.NewId() });
            later = answer.StatusCode;
        }
        while (later == HttpStatusCode.ServiceUnavailable && TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(5));
        Assert.Equal(HttpStatusCode.OK, later);
    }

    [NativeFact]
    public async Task A_line_of_64_megabytes_is_given_up_at_the_longest_that_is_read()
    {
        await using var upstream = ChatSteps.Provider(OpenAiScript.EndlessLine);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "for the first time");
        var grown = new List<long>();
        for (var round = 0; round < 3; round++)
        {
            var before = server.ResetPeak()!.Value;
            var answer = await admin.AskAndWait(session, "go");
            Assert.Equal("provider_protocol", answer.GetProperty("error").Text("code"));
            grown.Add(server.GrownSince(before));
        }

        Assert.InRange(grown.Max(), 0, ProviderCall.MaxLine + ProviderCall.UsualLine + (4L << 20));
    }
}
