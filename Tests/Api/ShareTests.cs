using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Links to chats: what they show, what they hide and how they end.</summary>
public sealed class ShareTests
{
    [Fact]
    public async Task A_stranger_with_the_link_reads_the_chat_as_it_was_and_nothing_more()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync("secretname");
        var session = await admin.NewSession(await admin.Connect(upstream));
        await (await admin.PatchJson($"/api/sessions/{session}", new { systemPrompt = "HIDDEN-PROMPT" })).Expect(HttpStatusCode.OK);
        await (await admin.PostJson($"/api/sessions/{session}/share", new { })).ExpectProblem(HttpStatusCode.Conflict, "nothing_to_share");
        await admin.AskAndWait(session, "question one");

        var share = await (await admin.PostJson($"/api/sessions/{session}/share", new { })).Json(HttpStatusCode.Created);
        var token = share.Text("token")!;
        Assert.Matches("^[A-Za-z0-9_-]{22}$", token);
        Assert.Equal($"/share/{token}", share.Text("url"));
        Assert.Equal(share.GetRawText(), (await admin.GetJson($"/api/sessions/{session}/share")).GetRawText());
        await admin.AskAndWait(session, "LATER-QUESTION");

        using var response = await server.Client().GetAsync($"/api/shares/{token}");
        var body = await response.Content.ReadAsStringAsync();
        var chat = await response.Json();
        Assert.Equal("noindex, nofollow", response.Headers.GetValues("X-Robots-Tag").Single());
        Assert.Equal("no-store", response.Headers.CacheControl?.ToString());
        Assert.Equal("question one", chat.Text("title"));
        Assert.Equal(["question one", "An answer."], chat.GetProperty("items").EnumerateArray().Select(item => item.Text("content")));
        foreach (var hidden in new[]
        {
            "HIDDEN-PROMPT", "LATER-QUESTION", "secretname", "userId", "usage", "connectionId", "reasoning", "toolCalls", "clientMessageId",
        })
        {
            Assert.DoesNotContain(hidden, body);
        }

        // Renewing keeps the link and extends it to the current end of the chat.
        var renewed = await (await admin.PostJson($"/api/sessions/{session}/share", new { })).Json(HttpStatusCode.Created);
        Assert.Equal(token, renewed.Text("token"));
        Assert.Equal(4, (await server.Client().GetJson($"/api/shares/{token}")).GetProperty("items").GetArrayLength());
        var first = await server.Client().GetJson($"/api/shares/{token}?limit=3");
        var second = await server.Client().GetJson($"/api/shares/{token}?limit=3&cursor={first.Text("nextCursor")}");
        Assert.Equal(4, first.GetProperty("items").GetArrayLength() + second.GetProperty("items").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
    }

    [Fact]
    public async Task All_links_of_a_user_are_one_list_without_those_of_others()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var user = await server.RegisterUserAsync(admin);
        List<string> urls = [];
        foreach (var question in new[] { "**第一** 个问题", "second", "third" })
        {
            var session = await admin.NewSession(connection);
            await admin.AskAndWait(session, question);
            var made = await (await admin.PostJson($"/api/sessions/{session}/share", new { })).Json(HttpStatusCode.Created);
            urls.Insert(0, made.Text("url")!);
        }

        var first = await admin.GetJson("/api/shares?limit=2");
        var rest = await admin.GetJson($"/api/shares?limit=2&cursor={first.Text("nextCursor")}");
        var items = first.GetProperty("items").EnumerateArray().Concat(rest.GetProperty("items").EnumerateArray()).ToList();
        Assert.Equal(urls, items.Select(item => item.Text("url")!));
        Assert.Equal(["third", "second", "第一 个问题"], items.Select(item => item.Text("title")!));
        Assert.Equal(JsonValueKind.Null, rest.GetProperty("nextCursor").ValueKind);
        Assert.Equal(0, (await user.GetJson("/api/shares")).GetProperty("items").GetArrayLength());
        await (await server.Client().GetAsync("/api/shares")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");

        var last = items[0].GetProperty("sessionId").GetInt64();
        await (await admin.DeleteAsync($"/api/sessions/{last}/share")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(2, (await admin.GetJson("/api/shares")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task An_answer_that_is_continued_stays_as_it_was_shared_until_the_link_is_renewed()
    {
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            var more = exchange.Request.Text.Contains("Erster", StringComparison.Ordinal);
            await OpenAiScript.Piece(exchange, more ? " LATER-TEXT" : "Erster 😀");
            if (!more)
            {
                exchange.Reset();
                return;
            }

            await go.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var answer = await admin.AskAndWait(session, "question");
        Assert.Equal("failed", answer.Text("status"));
        var token = (await (await admin.PostJson($"/api/sessions/{session}/share", new { })).Json(HttpStatusCode.Created)).Text("token");
        var stranger = server.Client();

        await using (var stream = await admin.PostStream(
            "/api/chat/continue", new { messageId = answer.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            await stream.ReadUntilAsync(e => e.Event == "delta" && e.Data.Contains("LATER-TEXT", StringComparison.Ordinal));
            await AssertLast("Erster 😀", "failed");
            go.SetResult();
            await stream.ReadAllAsync();
        }

        Assert.Equal("Erster 😀 LATER-TEXT", (await admin.Messages(session))[^1].Text("content"));
        await AssertLast("Erster 😀", "failed");
        await (await admin.PostJson($"/api/sessions/{session}/share", new { })).Expect(HttpStatusCode.Created);
        await AssertLast("Erster 😀 LATER-TEXT", "done");

        async Task AssertLast(string content, string status)
        {
            var last = (await stranger.GetJson($"/api/shares/{token}")).GetProperty("items")[1];
            Assert.Equal((content, status), (last.Text("content"), last.Text("status")));
        }
    }

    [Fact]
    public async Task A_link_ends_when_it_is_revoked_with_its_session_its_end_and_its_owner()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var user = await server.RegisterUserAsync(admin, "sharer");
        var stranger = server.Client();
        var unknown = await Gone(stranger, "AAAAAAAAAAAAAAAAAAAAAA");

        var (session, token) = await Shared(user, connection);
        await (await user.DeleteAsync($"/api/sessions/{session}/share")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(unknown, await Gone(stranger, token));
        await (await user.GetAsync($"/api/sessions/{session}/share")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await user.DeleteAsync($"/api/sessions/{session}/share")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        var again = (await (await user.PostJson($"/api/sessions/{session}/share", new { })).Json(HttpStatusCode.Created)).Text("token")!;
        Assert.NotEqual(token, again);

        var last = (await user.Messages(session))[^1];
        await (await user.DeleteAsync($"/api/sessions/{session}/messages/{last.Id()}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(unknown, await Gone(stranger, again));

        (session, token) = await Shared(user, connection);
        await (await user.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(unknown, await Gone(stranger, token));

        (_, token) = await Shared(user, connection);
        var id = (await admin.GetJson("/api/users?q=sharer")).GetProperty("items")[0].Id();
        await (await admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED" })).Expect(HttpStatusCode.OK);
        Assert.Equal(unknown, await Gone(stranger, token));
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_link_ends_with_its_time()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(
            DateTimeOffset.Parse("2030-01-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        var (_, token) = await Shared(admin, await admin.Connect(upstream), expiresAt: clock.GetUtcNow().AddMinutes(5));
        var stranger = server.Client();
        Assert.Equal("2030-01-01T00:05:00.000Z", (await stranger.GetJson($"/api/shares/{token}")).Text("expiresAt"));

        clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(await Gone(stranger, "AAAAAAAAAAAAAAAAAAAAAA"), await Gone(stranger, token));
        await (await admin.PostJson($"/api/sessions/{session}/share", new { expiresAt = clock.GetUtcNow() }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await admin.PostJson($"/api/sessions/{session}/share", new { expiresAt = "tomorrow" }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Fact]
    public async Task The_database_alone_opens_no_link_and_the_page_is_not_indexed()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        await using var server =
            await TestServer.StartAsync(new TestServerOptions { Variables = new Dictionary<string, string> { ["BASE_PATH"] = "/chat" } });
        var admin = server.Client();
        await (await admin.PostJson(
            "/chat/api/auth/register", new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode }))
            .Expect(HttpStatusCode.Created);
        var session = (await (await admin.PostJson("/chat/api/sessions", new { })).Json(HttpStatusCode.Created)).Id();
        await using (var stream = await admin.PostStream(
            "/chat/api/chat/stream", new { sessionId = session, content = "hi", clientMessageId = ChatSteps.NewId() }))
        {
            await stream.ReadAllAsync();
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, $"/chat/api/sessions/{session}/share")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { }),
        };
        request.Headers.Add("X-Forwarded-Host", "evil.example");
        var share = await (await admin.SendAsync(request)).Json(HttpStatusCode.Created);
        Assert.Equal($"/chat/share/{share.Text("token")}", share.Text("url"));

        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = "select token || ' ' || sealed_token from shares";
        Assert.DoesNotContain(share.Text("token")!, (string)command.ExecuteScalar()!);

        using var page = await admin.GetAsync($"/chat/share/{share.Text("token")}");
        Assert.Equal("text/html", page.Content.Headers.ContentType?.MediaType);
        Assert.Equal("noindex, nofollow", page.Headers.GetValues("X-Robots-Tag").Single());
        using var home = await admin.GetAsync("/chat/");
        Assert.False(home.Headers.Contains("X-Robots-Tag"));
    }

    [Fact]
    public async Task Images_of_a_shared_chat_open_by_their_signed_links_and_a_fork_keeps_them()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "A picture."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connectionId = await admin.Connect(upstream);
        await (await admin.PutJson("/api/catalog/models", new { connectionId, model = "fake-model", capabilities = new { vision = true } }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(connectionId);
        var image = await (await admin.Upload(SampleImages.Png())).Json(HttpStatusCode.Created);
        await using (var stream = await admin.PostStream("/api/chat/stream", new
        {
            sessionId = session,
            content = "what is this",
            imageIds = new[] { image.Text("id") },
            clientMessageId = ChatSteps.NewId(),
        }))
        {
            await stream.ReadAllAsync();
        }

        var answer = (await admin.Messages(session))[^1];
        var fork =
            (await (await admin.PostJson($"/api/sessions/{session}/fork", new { messageId = answer.Id() })).Json(HttpStatusCode.Created))
            .Id();
        await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        var token = (await (await admin.PostJson($"/api/sessions/{fork}/share", new { })).Json(HttpStatusCode.Created)).Text("token");
        var stranger = server.Client();

        var shown = (await stranger.GetJson($"/api/shares/{token}")).GetProperty("items")[0].GetProperty("images").EnumerateArray()
            .Single();

        Assert.NotEqual(image.Text("id"), shown.Text("id"));
        Assert.Equal(SampleImages.Png(), await stranger.GetByteArrayAsync(shown.Text("url")));
        await (await stranger.GetAsync($"/chat-images/{shown.Text("id")}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Contains(shown.Text("id")!, await admin.GetStringAsync($"/api/sessions/{fork}/export?format=md"));
        Assert.Contains(shown.Text("id")!, await admin.GetStringAsync($"/api/sessions/{fork}/export?format=json"));

        // The file is deleted with the last chat that shows it.
        var id = image.Text("id")!;
        var file = Path.Combine(server.DataDir, "images", id[..2], id + ".png");
        Assert.True(File.Exists(file));
        await (await admin.PostJson("/api/sessions/bulk", new { ids = new[] { fork }, action = "delete" })).Expect(HttpStatusCode.OK);
        var began = TimeProvider.System.GetTimestamp();
        while (File.Exists(file))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(20), "The file is still there.");
            await (await stranger.GetAsync("/api/health")).Expect(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task Only_the_owner_makes_sees_and_ends_a_link()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var (session, token) = await Shared(admin, await admin.Connect(upstream));
        var other = await server.RegisterUserAsync(admin);

        foreach (var id in new[] { session, 987654321 })
        {
            await (await other.PostJson($"/api/sessions/{id}/share", new { })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await other.GetAsync($"/api/sessions/{id}/share")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await other.DeleteAsync($"/api/sessions/{id}/share")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        }

        Assert.Equal(2, (await other.GetJson($"/api/shares/{token}")).GetProperty("items").GetArrayLength());
    }

    private static async Task<(long Session, string Token)> Shared(HttpClient client, long connection, DateTimeOffset? expiresAt = null)
    {
        var session = await client.NewSession(connection);
        await client.AskAndWait(session, "a question");
        return (
            session,
            (await (await client.PostJson($"/api/sessions/{session}/share", new { expiresAt })).Json(HttpStatusCode.Created))
                .Text("token")!);
    }

    /// <summary>The 404 without its trace id.</summary>
    private static async Task<string> Gone(HttpClient client, string token)
    {
        var problem = await (await client.GetAsync($"/api/shares/{token}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        return string.Join(
            '|', problem.EnumerateObject().Where(member => member.Name != "traceId").Select(member => $"{member.Name}={member.Value}"));
    }
}
