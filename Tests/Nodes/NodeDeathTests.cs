using System.Diagnostics;
using System.Globalization;
using AiChat.Tests.Chat;
using Dapper;

namespace AiChat.Tests.Nodes;

/// <summary>Servers that end without a word, or stand still and go on.</summary>
public sealed class NodeDeathTests
{
    /// <summary>The server as a process of its own, compiled at run time where no native executable is under test.</summary>
    private static readonly string Child = TestServer.Binary ?? Path.Combine(AppContext.BaseDirectory, "aichat");

    [PostgresFact]
    public async Task A_killed_servers_answers_are_ended_and_told_elsewhere_within_two_seconds()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(Child);
        await nodes.Add();
        var admin = await nodes.Admin();
        await NodeGroup.Set(admin, new { defaultUserDailyQuota = 10 });
        var user = await nodes.User(admin);
        var connection = await admin.Http.Connect(upstream);
        var (read, unread) = (await user.Http.NewSession(connection), await user.Http.NewSession(connection));
        await using var first = await user.Http.Ask(read, "go");
        var messageId = (await first.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();
        await using var second = await user.Http.Ask(unread, "go");
        await second.ReadUntilAsync(e => e.Event == "delta");
        await using var follower = await user.At(nodes.B).GetStream($"/api/chat/stream/{messageId}");
        var followed = await follower.ReadUntilAsync(e => e.Event == "delta");
        await Eventually.Holds(async () => (await user.Http.Messages(unread))[^1].Text("content") == "half"
            && (await user.Http.Messages(read))[^1].Text("content") == "half");
        var begun = Stopwatch.GetTimestamp();

        await nodes.A.KillAsync();
        followed.AddRange(await follower.ReadAllAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, 2);

        Assert.Equal("interrupted", followed[^1].Json.Text("status"));
        Assert.Equal("half", string.Concat(followed.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        foreach (var session in new[] { read, unread })
        {
            var answer = (await user.Http.Messages(session))[^1];
            Assert.Equal(("interrupted", "half"), (answer.Text("status"), answer.Text("content")));
        }

        using var store = PostgresServer.Connect(nodes.Database);
        Assert.Equal(
            (2L, 0L, 0L, 0L, 2L),
            store.QuerySingle<(long, long, long, long, long)>("""
                select (select sum(messages) from daily_usage)::bigint, (select sum(held_messages + held_tokens) from daily_usage)::bigint,
                    (select count(*) from held_calls), (select count(*) from run_chunks), (select count(*) from usage_entries)
                """));
    }

    /// <summary>As after a new primary whose clock is behind: the row of the killed server is of a time to come.</summary>
    [PostgresFact]
    public async Task A_killed_server_is_found_when_the_clock_of_the_database_was_put_back()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(Child);
        await nodes.Add();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var stream = await admin.Http.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        using var store = PostgresServer.Connect(nodes.Database);
        await Eventually.Holds(() => store.ExecuteScalar<long>("select count(*) from run_chunks where value = 'half'") == 1);

        await nodes.A.KillAsync();
        store.Execute("update nodes set renewed_at = renewed_at + interval '10 minutes' where boot_id = (select boot_id from runs)");

        await Eventually.Holds(async () => (await admin.At(nodes.B).Messages(session))[^1].Text("status") == "interrupted");
        Assert.Equal(1L, store.ExecuteScalar<long>("select count(*) from nodes"));
    }

    [PostgresFact]
    public async Task Who_read_more_than_a_killed_server_stored_is_told_anew_what_is_left()
    {
        var tells = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await tells.Task;
            await OpenAiScript.Piece(exchange, "told, not stored");
            await exchange.Stall();
        });
        await using var nodes = NodeGroup.Empty();
        await using var wire = new Wire(new Uri(nodes.Database).Port);
        await nodes.Add();
        var away = await nodes.Add(Child, variables: new()
        {
            ["DATABASE_URL"] = new UriBuilder(nodes.Database) { Port = wire.Port }.Uri.AbsoluteUri,
        });
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await Eventually.Holds(async () => (await admin.At(away).GetJson("/api/catalog/models")).GetRawText().Contains("fake-model"));
        await using var stream = await admin.Http.Ask(session, "go");
        var messageId = (await stream.NextAsync())!.AssistantId();
        await using var follower = await admin.At(nodes.A).GetStream($"/api/chat/stream/{messageId}");
        await follower.ReadUntilAsync(e => e.Event == "start");

        wire.Cut();
        tells.SetResult();
        await follower.ReadUntilAsync(e => e.Event == "delta");
        await away.KillAsync();
        var anew = await follower.ReadAllAsync();

        Assert.Equal(("start", "done"), (anew[0].Event, anew[^1].Event));
        Assert.Equal("interrupted", anew[^1].Json.Text("status"));
        Assert.DoesNotContain(anew, e => e.Event == "delta");
        Assert.Equal("", (await admin.Http.Messages(session))[^1].Text("content"));
    }

    [PostgresFact]
    public async Task A_server_that_stood_still_writes_nothing_of_what_others_have_ended()
    {
        var goOn = new TaskCompletionSource();
        var asked = 0;
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            if (Interlocked.Increment(ref asked) > 1)
            {
                await OpenAiScript.Stream(exchange, "at once");
                return;
            }

            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "before ");
            await goOn.Task;
            await OpenAiScript.Piece(exchange, "after");
            await OpenAiScript.Finish(exchange, 2);
        });
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(Child);
        await nodes.Add();
        var admin = await nodes.Admin();
        var connection = await admin.Http.Connect(upstream);
        var session = await admin.Http.NewSession(connection);
        await using var stream = await admin.Http.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        var exchange = await upstream.NextChatAsync();
        await Eventually.Holds(async () => (await admin.At(nodes.B).Messages(session))[^1].Text("content") == "before ");

        Signal("STOP", nodes.A.ProcessId);
        await Eventually.Holds(async () => (await admin.At(nodes.B).Messages(session))[^1].Text("status") == "interrupted");
        var again = await admin.Http.AskAndWait(await admin.Http.NewSession(connection), "the other goes on");
        Signal("CONT", nodes.A.ProcessId);
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(10));
        goOn.SetResult();

        Assert.Equal("interrupted", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        Assert.Equal("done", again.Text("status"));
        var answer = (await admin.Http.Messages(session))[^1];
        Assert.Equal(("interrupted", "before "), (answer.Text("status"), answer.Text("content")));
        using var store = PostgresServer.Connect(nodes.Database);
        Assert.Equal(
            (1L, 1L, 0L, 2L),
            store.QuerySingle<(long, long, long, long)>(string.Create(CultureInfo.InvariantCulture, $"""
                select (select count(*) from usage_entries where session_id = {session}),
                    (select count(*) from runs where session_id = {session} and status = 'interrupted'),
                    (select coalesce(sum(held_messages), 0) from daily_usage)::bigint, (select sum(messages) from daily_usage)::bigint
                """)));

        // It has begun anew under another name, and serves.
        var anew = await admin.At(nodes.A).NewSession(connection);
        await Eventually.Holds(async () => (await admin.Http.AskAndWait(anew, "again")).Text("status") == "done");
    }

    [PostgresTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_starts_again_ends_what_it_had_begun_before_it_listens(bool isReached)
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(Child, isReached);
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var stream = await admin.Http.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        using var store = PostgresServer.Connect(nodes.Database);
        await Eventually.Holds(() => store.ExecuteScalar<long>("select count(*) from run_chunks where value = 'half'") == 1);

        await nodes.A.KillAsync();
        await nodes.A.RestartAsync();

        var answer = (await admin.Http.Messages(session))[^1];
        Assert.Equal(("interrupted", "half"), (answer.Text("status"), answer.Text("content")));
        Assert.Equal(0L, store.ExecuteScalar<long>("select count(*) from held_calls"));
        Assert.Equal(1L, store.ExecuteScalar<long>("select count(*) from nodes"));
    }

    [PostgresFact]
    public async Task A_server_that_starts_or_ends_leaves_the_answers_of_others_alone()
    {
        var goOn = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(goOn.Task);
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var stream = await admin.Http.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");

        await nodes.Add();
        await nodes.B.StopAsync();
        goOn.SetResult();

        var events = await stream.ReadAllAsync();
        Assert.Equal("done", events[^1].Json.Text("status"));
        Assert.Equal("before after", (await admin.Http.Messages(session))[^1].Text("content"));
    }

    [PostgresFact]
    public async Task A_server_that_starts_leaves_the_imports_of_others_alone()
    {
        await using var nodes = NodeGroup.Empty();
        await nodes.Add();
        await nodes.Admin();
        using var store = PostgresServer.Connect(nodes.Database);
        PostgresServer.Run(store, "insert into imports (user_id, state, name, bytes, created_at) values (1, 'running', 'elsewhere', 1, 0)");
        PostgresServer.Run(store, "insert into imports (user_id, state, name, bytes, created_at) values (1, 'running', 'here', 1, 0)");
        var folder = Directory.CreateTempSubdirectory("aichat-node-");
        try
        {
            folder.CreateSubdirectory("imports");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "imports", "2.upload"), "no export");
            await using (await nodes.Add(dataDir: folder.FullName))
            {
                await Eventually.Holds(() => StateOf("here") == "failed");
            }

            Assert.Equal("running", StateOf("elsewhere"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        string? StateOf(string name) => store.ExecuteScalar<string>("select state from imports where name = @name", new { name });
    }

    [PostgresFact]
    public async Task Eight_servers_that_start_at_once_on_an_empty_database_all_serve()
    {
        await using var nodes = NodeGroup.Empty();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => nodes.Add())));

        var admin = await nodes.Admin();
        foreach (var server in nodes.All)
        {
            await Eventually.Holds(async () => (await admin.At(server).GetAsync("/api/auth/me")).IsSuccessStatusCode);
        }
    }

    private static void Signal(string name, int process)
    {
        using var kill = Process.Start("kill", [$"-{name}", process.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }
}
