using System.Diagnostics;
using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// A chat of 8,000 turns is read, searched, exported and deleted without delaying others. The bounds are a fraction of the time that a
/// single statement would take (4.8 to 11 s) and many times the current time.
/// </summary>
public sealed class LongChatTests
{
    private const int Messages = 16_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1_500);

    [Theory]
    [InlineData("chat")]
    [InlineData("many")]
    [InlineData("messages")]
    [InlineData("turn")]
    [InlineData("account")]
    [InlineData("user")]
    public async Task What_is_deleted_is_gone_at_once_and_others_write_meanwhile(string what)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await UsageLimitTests.Set(admin, new { requestsPerMinute = 0 });
        var owner = await server.RegisterUserAsync(admin, "owner");
        var ownerId = (await owner.GetJson("/api/auth/me")).GetProperty("user").Id();
        var (session, first) = LongChat.Write(server, "owner", Messages);
        var kept = await owner.NewSession();
        var share = await (await owner.PostJson($"/api/sessions/{session}/share", new { })).Json(HttpStatusCode.Created);
        await (await owner.PutJson($"/api/drafts/{session}", new { text = "not sent" })).Expect(HttpStatusCode.NoContent);
        Assert.Equal(session, (await owner.GetJson("/api/sessions?q=needle")).GetProperty("items")[0].Id());

        var max = TimeSpan.Zero;
        var deleting = Delete();
        do
        {
            var begun = Stopwatch.GetTimestamp();
            await (await admin.PutJson("/api/drafts/new", new { text = $"{begun}" })).Expect(HttpStatusCode.NoContent);
            max = Stopwatch.GetElapsedTime(begun) is var took && took > max ? took : max;
        }
        while (!deleting.IsCompleted || LongChat.Number(server, $"select count(*) from messages where session_id = {session}") > 0);
        await (await deleting).Expect(what == "many" ? HttpStatusCode.OK : HttpStatusCode.NoContent);

        Assert.True(max < Patience, $"A write waited {max.TotalMilliseconds:0} ms.");
        await LongChat.Indexed(server);
        Assert.Equal(0, LongChat.IndexHits(server, "nee"));
        if (what is "messages" or "turn")
        {
            Assert.Equal(0, (await owner.GetJson($"/api/sessions/{session}")).GetProperty("messageCount").GetInt64());
            Assert.Empty(await owner.Messages(session));
            Assert.Empty((await owner.GetJson("/api/sessions?q=needle")).GetProperty("items").EnumerateArray());
        }

        if (what is "chat" or "many")
        {
            await (await owner.GetAsync($"/api/sessions/{kept}")).Expect(HttpStatusCode.OK);
        }

        Task<HttpResponseMessage> Delete() => what switch
        {
            "chat" => Gone(owner.DeleteAsync($"/api/sessions/{session}")),
            "many" => Gone(owner.PostJson("/api/sessions/bulk", new { ids = new[] { session, 987_654 }, action = "delete" })),
            "messages" => owner.DeleteAsync($"/api/sessions/{session}/messages"),
            "turn" => owner.DeleteAsync($"/api/sessions/{session}/messages/{first}"),
            "account" => owner.DeleteJson("/api/account", new { password = TestServer.Password }),
            _ => admin.DeleteAsync($"/api/users/{ownerId}"),
        };

        // Gone once the response arrives, although rows may remain for a while.
        async Task<HttpResponseMessage> Gone(Task<HttpResponseMessage> request)
        {
            var response = await request;
            foreach (var path in new[] { "", "/messages", "/messages?tree=true", "/find?q=needle", "/export?format=md", "/share" })
            {
                await (await owner.GetAsync($"/api/sessions/{session}{path}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            }

            await (await owner.GetAsync($"/api/chat/stream/{first + 1}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await owner.GetAsync($"/api/shares/{share.Text("token")}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await owner.DeleteAsync($"/api/sessions/{session}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            Assert.Empty((await owner.GetJson("/api/sessions?q=needle")).GetProperty("items").EnumerateArray());
            Assert.Equal(kept, (await owner.GetJson("/api/sessions")).GetProperty("items").EnumerateArray().Single().Id());
            var export = await owner.GetJson("/api/account/export");
            Assert.Equal(kept, export.GetProperty("sessions").EnumerateArray().Single().GetProperty("session").Id());
            Assert.Empty(export.GetProperty("drafts").EnumerateArray());
            return response;
        }
    }

    [Fact]
    public async Task A_turn_in_the_middle_takes_what_follows_and_leaves_what_was_before()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var (session, first) = LongChat.Write(server, "admin", 6_000);

        await (await admin.DeleteAsync($"/api/sessions/{session}/messages/{first + 40}")).Expect(HttpStatusCode.NoContent);

        Assert.Equal(Enumerable.Range(0, 40).Select(i => first + i), (await admin.Messages(session)).Select(message => message.Id()));
        Assert.Equal(40, (await admin.GetJson($"/api/sessions/{session}")).GetProperty("messageCount").GetInt64());
        Assert.Equal(40, (await admin.GetJson($"/api/sessions/{session}/find?q=needle")).GetProperty("total").GetInt32());
    }

    [Theory]
    [InlineData("md")]
    [InlineData("json")]
    [InlineData("account")]
    public async Task It_is_taken_along_in_a_moment_from_the_first_message_to_the_last(string format)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var (session, _) = LongChat.Write(server, "admin", Messages);
        var begun = Stopwatch.GetTimestamp();

        var text =
            await admin.GetStringAsync(format == "account" ? "/api/account/export" : $"/api/sessions/{session}/export?format={format}");

        Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(4), $"It took {Stopwatch.GetElapsedTime(begun)}.");
        var at = -1;
        for (var i = 0; i < Messages; i++)
        {
            var next = text.IndexOf($"number {i} has", Math.Max(at, 0), StringComparison.Ordinal);
            Assert.True(next > at, $"{i}");
            at = next;
        }

        Assert.True(format == "md" || JsonDocument.Parse(text).RootElement.ValueKind == JsonValueKind.Object);
    }

    [Fact]
    public async Task It_is_searched_in_a_moment_whatever_is_typed()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var owner = await server.RegisterUserAsync(admin, "owner");
        var (_, first) = LongChat.Write(server, "owner", 40, 1);
        string[] letters = ["a", "%", "_", "ж", "人"];
        for (var i = 0; i < letters.Length; i++)
        {
            LongChat.Number(server, $"""
                update messages set content = '{new string(letters[i][0], 100_000)}'
                where id between {first + i * 8} and {first + i * 8 + 7}
                returning 1
                """);
        }

        await LongChat.Indexed(server);
        foreach (var letter in letters)
        {
            foreach (var q in new[]
            {
                new string(letter[0], 199) + "b", new string(letter[0], 200), $"{letter}{letter} {letter}b", $"\"{letter}b",
            })
            {
                var begun = Stopwatch.GetTimestamp();
                await owner.GetJson($"/api/sessions?q={Uri.EscapeDataString(q)}");
                await admin.GetJson($"/api/users?q={Uri.EscapeDataString(q)}");
                Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(2), $"{q}: {Stopwatch.GetElapsedTime(begun)}");
            }
        }
    }

    [NativeFact]
    public async Task Kill_9_after_a_deletion_neither_brings_it_back_nor_leaves_it()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var (session, first) = LongChat.Write(server, "admin", Messages);
        await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);

        await server.KillAsync();
        var left = LongChat.Number(server, $"select count(*) from messages where session_id = {session}");
        await server.RestartAsync();

        Assert.True(left > 0, "It was killed too late to say anything.");
        await (await admin.GetAsync($"/api/sessions/{session}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.True(await admin.NewSession() > session);
        await Eventually.Holds(() => LongChat.Number(server, $"select count(*) from sessions where id = {session}") == 0);
        Assert.Equal(0, LongChat.Number(server, $"select count(*) from messages where id >= {first}"));
    }
}
