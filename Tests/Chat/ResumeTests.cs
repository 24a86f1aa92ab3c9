using System.Collections.Concurrent;
using AiChat.Tests.Torture;

namespace AiChat.Tests.Chat;

/// <summary>Lost connections, restarts and kills.</summary>
public sealed class ResumeTests
{
    [Fact]
    public async Task Cutting_the_connection_at_500_points_loses_no_character()
    {
        const int cuts = 500;
        using var pieces = new SemaphoreSlim(0);
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            for (var i = 0; i < cuts * 3; i++)
            {
                await pieces.WaitAsync();
                await OpenAiScript.Piece(exchange, $"Stück {i} 😀\n");
            }

            await OpenAiScript.Finish(exchange, cuts);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await UsageLimitTests.Set(admin, new { requestsPerMinute = 0 });
        var session = await admin.NewSession(await admin.Connect(upstream));
        var random = new Random(20260101);
        var transcript = new Transcript();
        pieces.Release(2);
        await using (var stream = await admin.Ask(session, "go"))
        {
            transcript.Take((await stream.NextAsync())!);
        }

        var messageId = transcript.Start!.AssistantId();
        for (var cut = 0; cut < cuts; cut++)
        {
            await using var stream = await admin.GetStream($"/api/chat/stream/{messageId}", transcript.LastId);
            for (var events = random.Next(1, 3); events > 0; events--)
            {
                pieces.Release();
                transcript.Take((await stream.NextAsync())!);
            }
        }

        pieces.Release(cuts * 3);
        await using (var last = await admin.GetStream($"/api/chat/stream/{messageId}?after={transcript.LastId}"))
        {
            await transcript.ReadAll(last);
        }

        var stored = (await admin.Messages(session))[^1].Text("content");
        Assert.Equal(string.Concat(Enumerable.Range(0, cuts * 3).Select(i => $"Stück {i} 😀\n")), stored);
        Assert.Equal(stored, transcript.Content);
        Assert.NotNull(transcript.Done);
    }

    [Fact]
    public async Task A_page_that_loads_in_the_middle_goes_on_from_its_snapshot()
    {
        using var pieces = new SemaphoreSlim(1);
        await using var upstream = ChatSteps.ReleasedProvider(pieces);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");

        await NodesHost.Shows(async () => (await admin.Messages(session))[^1].Text("content") != "");
        var snapshot = (await admin.Messages(session))[^1];
        Assert.Equal("streaming", snapshot.Text("status"));
        Assert.Equal("one ", snapshot.Text("content"));
        var listed = (await admin.GetJson("/api/sessions")).GetProperty("items")[0];
        Assert.Equal(snapshot.Id(), listed.GetProperty("activeRunMessageId").GetInt64());
        Assert.Equal(snapshot.Id(), (await admin.GetJson("/api/chat/runs"))[0].GetProperty("messageId").GetInt64());
        await using var rest = await admin.GetStream(
            $"/api/chat/stream/{snapshot.Id()}?after={snapshot.GetProperty("eventId").GetInt64()}");
        pieces.Release(2);
        var events = await rest.ReadAllAsync();

        Assert.DoesNotContain(events, e => e.Event == "start");
        Assert.Equal("two three", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal("done", events[^1].Event);
    }

    [Fact]
    public async Task Attaching_to_a_finished_answer_gives_what_is_missing_and_done()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "abc", "def"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var live = new Transcript();
        var ids = new List<string>();
        await using (var stream = await admin.Ask(session, "go"))
        {
            await foreach (var next in stream.Events())
            {
                live.Take(next);
                ids.Add(next.Id!);
            }
        }

        await server.RestartAsync();
        var messageId = live.Start!.AssistantId();
        foreach (var id in ids)
        {
            await using var stream = await admin.GetStream($"/api/chat/stream/{messageId}", id);
            var events = await stream.ReadAllAsync();
            Assert.Equal("done", events[^1].Event);
            Assert.EndsWith(string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))), live.Content);
        }

        var whole = new Transcript();
        await using var again = await admin.GetStream($"/api/chat/stream/{messageId}", "999999999");
        await whole.ReadAll(again);
        Assert.Equal(live.Content, whole.Content);
    }

    [Fact]
    public async Task Stopping_the_server_keeps_every_running_answer()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "as far as it came");
            await exchange.ClientGone;
        });
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["SHUTDOWN_GRACE_SECONDS"] = "1" } });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var sessions = new List<long>();
        var streams = new List<SseStream>();
        for (var i = 0; i < 5; i++)
        {
            sessions.Add(await admin.NewSession(connection));
            streams.Add(await admin.Ask(sessions[^1], "go"));
            await streams[^1].ReadUntilAsync(e => e.Event == "delta");
        }

        var stopping = server.StopAsync();
        foreach (var stream in streams)
        {
            var events = await stream.ReadAllAsync();
            Assert.Contains(events, e => e.Event == "restarting");
            Assert.Equal("interrupted", events[^1].Json.Text("status"));
            await stream.DisposeAsync();
        }

        await stopping;
        await server.RestartAsync();
        foreach (var session in sessions)
        {
            var answer = (await admin.Messages(session))[^1];
            Assert.Equal("interrupted", answer.Text("status"));
            Assert.Equal("as far as it came", answer.Text("content"));
        }
    }

    [NativeTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fifty_streams_end_in_good_order_when_the_process_is_asked_to_end(bool twice)
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "as far as it came");
            await exchange.ClientGone;
        });
        var grace = twice ? "20" : "2";
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["SHUTDOWN_GRACE_SECONDS"] = grace } });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await UsageLimitTests.Set(admin, new { maxRunsPerUser = 0, requestsPerMinute = 0, defaultUserDailyQuota = -1 });
        var sessions = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => admin.NewSession(connection)));
        var streams = await Task.WhenAll(sessions.Select(async session =>
        {
            var stream = await admin.Ask(session, "go");
            await stream.ReadUntilAsync(e => e.Event == "delta");
            return stream;
        }));

        var began = TimeProvider.System.GetTimestamp();
        var stopping = server.StopAsync();
        var told = await Task.WhenAll(streams.Select(stream => stream.ReadUntilAsync(e => e.Event == "restarting")));
        Assert.All(told, events => Assert.Equal("restarting", events[^1].Event));
        using (var late = new System.Net.Sockets.TcpClient())
        {
            await Assert.ThrowsAnyAsync<System.Net.Sockets.SocketException>(
                () => late.ConnectAsync(server.BaseUri.Host, server.BaseUri.Port));
        }

        if (twice)
        {
            began = TimeProvider.System.GetTimestamp();
            await server.StopAsync();
        }

        await stopping;
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(twice ? 2 : 7));
        Assert.Equal(0, server.ExitCode);
        Assert.False(new FileInfo(System.IO.Path.Combine(server.DataDir, "app.db-wal")) is { Exists: true, Length: > 0 });
        foreach (var stream in streams)
        {
            Assert.Equal("interrupted", (await stream.ReadAllAsync())[^1].Json.Text("status"));
            await stream.DisposeAsync();
        }

        await server.RestartAsync();
        foreach (var session in sessions)
        {
            var answer = (await admin.Messages(session))[^1];
            Assert.Equal(("interrupted", "as far as it came"), (answer.Text("status"), answer.Text("content")));
        }
    }

    [NativeFact]
    public async Task Kill_9_at_50_random_points_loses_no_acknowledged_message()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            for (var i = 0; !exchange.ClientGone.IsCompleted; i++)
            {
                await OpenAiScript.Piece(exchange, $"{i} ");
            }
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await UsageLimitTests.Set(admin, new { defaultUserDailyQuota = 1_000_000, requestsPerMinute = 0, maxRunsPerUser = 0 });
        var acknowledged = new ConcurrentDictionary<long, (long Session, string Question, Transcript Seen)>();
        var random = new Random(99);
        var rounds = LongForm.Rounds(50, 200);
        for (var round = 0; round < rounds; round++)
        {
            var killAfter = random.Next(1, 60);
            var counted = 0;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var talking = Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
            {
                try
                {
                    var question = $"question {round} {i}";
                    var session = await admin.NewSession(connection);
                    await using var stream = await admin.Ask(session, question);
                    var transcript = new Transcript();
                    await foreach (var next in stream.Events())
                    {
                        transcript.Take(next);
                        if (next.Event == "start")
                        {
                            acknowledged[next.AssistantId()] = (session, question, transcript);
                        }

                        if (Interlocked.Increment(ref counted) >= killAfter)
                        {
                            reached.TrySetResult();
                        }
                    }
                }
                catch (Exception error) when (error is HttpRequestException or IOException or Xunit.Sdk.XunitException)
                {
                    // The server was killed during this request; only acknowledged messages count.
                }
            })).ToList();
            await reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await server.KillAsync();
            await Task.WhenAll(talking);
            await server.RestartAsync();
        }

        Assert.True(acknowledged.Count >= 50);
        foreach (var (messageId, (session, question, seen)) in acknowledged)
        {
            var messages = await admin.Messages(session);
            Assert.Equal(question, messages[0].Text("content"));
            Assert.Equal(messageId, messages[1].Id());
            Assert.Equal("interrupted", messages[1].Text("status"));
            var stored = messages[1].Text("content")!;
            Assert.True(
                stored.StartsWith(seen.Content, StringComparison.Ordinal) || seen.Content.StartsWith(stored, StringComparison.Ordinal),
                "Stored and seen text are prefixes of one another.");
        }

        Assert.Empty((await admin.GetJson("/api/chat/runs")).EnumerateArray());
        LongForm.Report("kill -9 under load", [new("kills", rounds), new("answers looked for", acknowledged.Count), new("lost", 0)]);
    }
}
