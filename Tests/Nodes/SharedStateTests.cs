using System.Diagnostics;
using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Nodes;

/// <summary>What one server has in memory is what was stored last, whichever server stored it.</summary>
public sealed class SharedStateTests
{
    [PostgresTheory]
    [InlineData("", true, 0.5)]
    [InlineData("", false, 0.5)]
    [InlineData("?pooler=transaction", true, 0.5)]
    [InlineData("?pooler=transaction", false, 2)]
    [InlineData("?listen=off&advisory_locks=off", false, 2)]
    public async Task A_login_that_is_ended_anywhere_is_refused_everywhere_and_its_streams_end(string query, bool reached, double seconds)
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = NodeGroup.Empty(query);
        await nodes.Add();
        await nodes.Add(reached: reached);
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var start = await admin.Http.Ask(session, "go");
        var messageId = (await start.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();
        await using var stream = await admin.At(nodes.B).GetStream($"/api/chat/stream/{messageId}");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        var second = nodes.Browser(nodes.A);
        await (await second.Http.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        var begun = Stopwatch.GetTimestamp();

        await (await second.Http.PostJson("/api/auth/logout-all", new { })).Expect(HttpStatusCode.NoContent);
        while ((await admin.Http.GetAsync("/api/auth/me")).StatusCode != HttpStatusCode.Unauthorized)
        {
            Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, seconds);
            await Task.Delay(20); // below the limit on requests
        }

        Assert.DoesNotContain(await stream.ReadAllAsync(), e => e.Event == "done");
        Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, seconds + 0.5);
    }

    [PostgresTheory]
    [InlineData("")]
    [InlineData("?pooler=transaction")]
    public async Task A_key_works_everywhere_until_it_is_deleted_anywhere(string query)
    {
        await using var nodes = await NodeGroup.Two(query);
        var admin = await nodes.Admin();
        var made = await (await admin.Http.PostJson("/api/keys", new { name = "k", scopes = new[] { "api" } }))
            .Json(HttpStatusCode.Created);
        var script = nodes.Browser(nodes.B);
        script.Http.DefaultRequestHeaders.Authorization = new("Bearer", made.Text("key"));
        await (await script.Http.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);

        await (await admin.Http.DeleteAsync($"/api/keys/{made.Id()}")).Expect(HttpStatusCode.NoContent);
        await (await script.Http.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
    }

    /// <summary>What a server reads again may be older than what it has stored meanwhile.</summary>
    [PostgresFact]
    public async Task What_was_changed_holds_while_others_change_without_a_pause()
    {
        await using var nodes = NodeGroup.Empty();
        await nodes.Add();
        var admin = await nodes.Admin();
        await NodeGroup.Set(admin, new { welcomeText = "welcome" });
        using var ended = new CancellationTokenSource();
        var others = Task.Run(() =>
        {
            using var store = PostgresServer.Connect(nodes.Database);
            while (!ended.IsCancellationRequested)
            {
                PostgresServer.Run(store, "update settings set updated_at = updated_at + 1 where key = 'welcomeText'; notify aichat");
            }
        });
        try
        {
            for (var i = 0; i < 200; i++)
            {
                await NodeGroup.Set(admin, new { brandText = $"brand {i}" });
                for (var look = 0; look < 3; look++)
                {
                    Assert.Contains($"\"brand {i}\"", (await admin.Http.GetJson("/api/settings/branding")).GetRawText());
                }
            }
        }
        finally
        {
            await ended.CancelAsync();
            await others;
        }
    }

    /// <summary>As after a new primary whose clock is ahead: what was told a moment ago seems to be long past.</summary>
    [PostgresFact]
    public async Task What_was_told_is_taken_over_when_the_clock_of_the_database_was_put_forward()
    {
        await using var nodes = await NodeGroup.Two("");
        var admin = await nodes.Admin();
        await admin.At(nodes.B).GetJson("/api/settings/branding");
        using var store = PostgresServer.Connect(nodes.Database);
        PostgresServer.Run(store, """
            begin;
            insert into settings (key, value, updated_at) values ('brandText', '"Far ahead"', 0);
            update changes set at = at - interval '1 hour';
            commit
            """);

        await Eventually.Holds(async () =>
            (await admin.At(nodes.B).GetJson("/api/settings/branding")).GetRawText().Contains("Far ahead", StringComparison.Ordinal));
    }

    [PostgresTheory]
    [InlineData("")]
    [InlineData("?pooler=transaction")]
    [InlineData("?listen=off&advisory_locks=off")]
    public async Task Settings_connections_and_models_that_are_changed_anywhere_hold_everywhere_at_once(string query)
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "abc"));
        await using var nodes = await NodeGroup.Two(query);
        var admin = await nodes.Admin();
        foreach (var name in new[] { "Roaming", "Somewhere", "Anywhere" })
        {
            await NodeGroup.Set(admin, new { brandText = name });
            Assert.Contains(name, (await admin.At(nodes.B).GetJson("/api/settings/branding")).GetRawText());
            admin.At(nodes.A);
        }

        var connection = await admin.At(nodes.A).Connect(upstream);
        Assert.Contains("fake-model", (await admin.At(nodes.B).GetJson("/api/catalog/models")).GetRawText());
        var answer = await admin.Http.AskAndWait(await admin.Http.NewSession(connection), "go");
        Assert.Equal("abc", answer.Text("content"));

        await (await admin.At(nodes.A).DeleteAsync($"/api/connections/{connection}")).Expect(HttpStatusCode.NoContent);
        Assert.DoesNotContain("fake-model", (await admin.At(nodes.B).GetJson("/api/catalog/models")).GetRawText());
    }

    [PostgresFact]
    public async Task A_disabled_or_demoted_account_is_that_at_every_server()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var user = await nodes.User(admin);
        var id = (await user.At(nodes.B).GetJson("/api/auth/me")).GetProperty("user").Id();
        await (await admin.At(nodes.A).PutJson($"/api/users/{id}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        await (await user.At(nodes.B).PostJson("/api/auth/login", new { username = "person", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await (await user.Http.GetAsync("/api/users")).Expect(HttpStatusCode.OK);

        await (await admin.Http.PutJson($"/api/users/{id}/role", new { role = "USER" })).Expect(HttpStatusCode.OK);
        Assert.False((await user.Http.GetAsync("/api/users")).IsSuccessStatusCode);
        await (await admin.Http.PutJson($"/api/users/{id}/status", new { status = "DISABLED" })).Expect(HttpStatusCode.OK);
        await (await user.Http.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
    }

    [PostgresFact]
    public async Task Of_480_answers_asked_for_at_two_servers_as_many_begin_as_are_left()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "abc"));
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var connection = await admin.Http.Connect(upstream);
        await NodeGroup.Set(admin, new { defaultUserDailyQuota = 200, maxRuns = 0 });
        var user = await nodes.User(admin);
        var other = nodes.Browser(nodes.B);
        await (await other.Http.PostJson("/api/auth/login", new { username = "person", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        var sessions = new List<long>();
        for (var i = 0; i < 24; i++)
        {
            sessions.Add(await user.Http.NewSession(connection));
        }

        var answers = await Task.WhenAll(Enumerable.Range(0, 480).Select(async i =>
        {
            var body = new
            {
                sessionId = sessions[i / 20],
                content = $"{i}",
                clientMessageId = ChatSteps.NewId(),
                parentId = (long?)null,
            };
            while (true)
            {
                using var response = await (i % 2 == 0 ? user : other).Http.PostJson("/api/chat/completion", body);
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable) // so many at once may be more than two cores take
                {
                    return response.StatusCode;
                }
            }
        }));

        Assert.Equal(
            ["OK 200", "TooManyRequests 280"],
            answers.GroupBy(code => code).OrderBy(group => group.Key).Select(group => $"{group.Key} {group.Count()}"));
        Assert.Equal(200, upstream.Chats().Count);
    }

    [PostgresFact]
    public async Task Of_two_administrators_who_demote_each_other_at_two_servers_one_remains()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var user = await nodes.User(admin);
        var mine = (await admin.Http.GetJson("/api/auth/me")).GetProperty("user").Id();
        var theirs = (await user.Http.GetJson("/api/auth/me")).GetProperty("user").Id();
        await (await admin.Http.PutJson($"/api/users/{theirs}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        for (var round = 0; round < 10; round++)
        {
            await SignIn(admin, nodes.A, "admin");
            await SignIn(user, nodes.B, "person");
            var both = await Task.WhenAll(
                admin.Http.PutJson($"/api/users/{theirs}/role", new { role = "USER" }),
                user.Http.PutJson($"/api/users/{mine}/role", new { role = "USER" }));

            Assert.Single(both, answer => answer.IsSuccessStatusCode);
            var (winner, loser) = both[0].IsSuccessStatusCode ? (admin, theirs) : (user, mine);
            await SignIn(winner, both[0].IsSuccessStatusCode ? nodes.A : nodes.B, winner == admin ? "admin" : "person");
            await (await winner.Http.PutJson($"/api/users/{loser}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        }
    }

    private static async Task SignIn(Roaming who, TestServer at, string username) =>
        await (await who.At(at).PostJson("/api/auth/login", new { username, password = TestServer.Password })).Expect(HttpStatusCode.OK);
}
