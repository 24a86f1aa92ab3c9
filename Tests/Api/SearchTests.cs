using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Search over titles and text and in one chat: what is found, how it is shown, and that input is never syntax.
/// </summary>
public sealed class SearchTests
{
    [Fact]
    public async Task Titles_and_text_are_found_with_snippets_and_marks()
    {
        await using var upstream = FakeUpstream.Start(
            OpenAiScript.Answer(["fake-model"], "The quick brown fox", " jumps\nover the lazy dog, 人工智能改变世界。"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var fox = await admin.NewSession(connection);
        var answer = await admin.AskAndWait(fox, "Tell me of animals");
        var named = await admin.NewSession(connection);
        await (await admin.PatchJson($"/api/sessions/{named}", new { title = "Quick notes" })).Expect(HttpStatusCode.OK);

        var found = await Found(admin, "QUICK");
        Assert.Equal([named, fox], found.Select(session => session.Id()).OrderDescending());
        Assert.Empty(found.Single(session => session.Id() == named).GetProperty("matches").EnumerateArray());
        var match = found.Single(session => session.Id() == fox).GetProperty("matches").EnumerateArray().Single();
        Assert.Equal(answer.Id(), match.GetProperty("messageId").GetInt64());
        Assert.Equal("assistant", match.Text("role"));
        Assert.Equal("quick", Marked(match).Single());
        Assert.DoesNotContain('\n', match.Text("snippet")!);

        Assert.Equal(fox, (await Found(admin, "lazy brown")).Single().Id()); // all words, in any order
        Assert.Empty(await Found(admin, "lazy purple"));
        Assert.Equal(fox, (await Found(admin, "\"over the lazy\"")).Single().Id());
        Assert.Empty(await Found(admin, "\"lazy over\""));
        Assert.Equal("人工智能", Marked((await Found(admin, "人工智能")).Single().GetProperty("matches")[0]).Single());

        // Two characters: less than a group of the index.
        Assert.Equal("改变", Marked((await Found(admin, "改变")).Single().GetProperty("matches")[0]).Single());
        Assert.Equal(fox, (await Found(admin, "fox 界")).Single().Id());
        Assert.Equal(fox, (await Found(admin, "animals")).Single().Id()); // the question, and the title made of it
        Assert.Equal(2, (await Found(admin, "  ")).Count); // nothing to search for: the list
    }

    [Fact]
    public async Task Whatever_is_typed_is_text_and_not_syntax()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "fine"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var other = await admin.NewSession(connection);
        await admin.AskAndWait(other, "plain");
        string[] texts =
        [
            "100%", "a_b", "%", "_", "\\", "\"unclosed phrase", "NEAR(a b, 5)", "-word", "content:word", "a* OR b* NOT c", "^start",
            "{a b}: x + y",
            "'; drop table messages; --", "a\u0001b", "😀😀😀", "😀", "\uFFFD\uFFFD\uFFFD", "AND", "[1]", "\u202Etxet",
        ];
        foreach (var text in texts)
        {
            var session = await admin.NewSession(connection);
            await admin.AskAndWait(session, $"before {text} after");

            var found = (await Found(admin, text)).Select(item => item.Id()).ToList();

            Assert.True(found.Contains(session) && !found.Contains(other), text);
        }

        Assert.Equal(texts.Length + 1, (await Found(admin, "\"\"\"")).Count); // nothing but marks: nothing to search for
    }

    [Fact]
    public async Task Letters_of_either_case_and_any_script_are_found_and_only_together()
    {
        await using var upstream = FakeUpstream.Start(
            OpenAiScript.Answer(["fake-model"], "Привет, Мир. abc and bcd apart. 世界 ΣΊΣΥΦΟΣ"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "hello");

        foreach (var q in new[]
        {
            "ПРИВЕТ", "мир", "ир", "ИР", "АРТ. bcd apart", "\"bc AND\"", "界", "世界 σίσυφος", "П",
        })
        {
            var expected = q.StartsWith("АРТ", StringComparison.Ordinal) ? Array.Empty<long>() : [session];
            Assert.Equal(expected, (await Found(admin, q)).Select(item => item.Id()));
        }

        Assert.Empty(await Found(admin, "abcd")); // the index knows both of its groups
        Assert.Empty(await Found(admin, "ветмир"));
        Assert.Empty(await Found(admin, "\uE000\uE000\uE001")); // what the index has for the owner is no text
        await (await admin.PatchJson($"/api/sessions/{session}", new { title = "Список ДЕЛ" })).Expect(HttpStatusCode.OK);
        Assert.Equal(session, (await Found(admin, "дел список")).Single().Id());
        Assert.Equal(session, (await Found(admin, "ДЕ")).Single().Id());
    }

    /// <summary>Text, titles and one chat; the mark is on what is written, although folding changes its length.</summary>
    [Fact]
    public async Task Letters_are_found_in_every_form_they_are_written_in()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var cases = new (string Text, string[] Queries, string Marked)[]
        {
            ("Ärger mit der U\u0308BERWEISUNG", ["überweisung", "ÜB"], "U\u0308BERWEISUNG"),
            ("in der Straße 7", ["STRASSE", "strasse", "ẞE"], "Straße"),
            ("讲讲 ＡＰＩ 接口", ["api", "ＡＰｉ", "ap", "接"], "ＡＰＩ"),
            ("学校のﾊﾟｿｺﾝ教室", ["パソコン", "パ"], "ﾊﾟｿｺﾝ"),
            ("the oﬃce door", ["OFFICE", "ff"], "oﬃce"),
            ("İzmir ve ISPARTA", ["ısparta", "izmir", "ız"], "ISPARTA"),
            ("ὁ ΟΔΥΣΣΕΥΣ λέγει", ["Οδυσσευς", "ευς"], "ΟΔΥΣΣΕΥΣ"),
            ("Über\u00adraschung!", ["überraschung"], "Über\u00adraschung"),
        };
        foreach (var (text, queries, marked) in cases)
        {
            var session = await admin.NewSession(connection);
            await admin.AskAndWait(session, text);
            foreach (var q in queries)
            {
                var match = (await Found(admin, q)).Single(item => item.Id() == session).GetProperty("matches")[0];
                Assert.Equal(text, match.Text("snippet"));
                Assert.True(q != queries[0] || Marked(match).Single() == marked, $"{q}: {match}");
                var found = await admin.GetJson($"/api/sessions/{session}/find?q={Uri.EscapeDataString(q)}");
                Assert.Equal(1, found.GetProperty("total").GetInt32());
            }

            await (await admin.PatchJson($"/api/sessions/{session}", new { title = "none" })).Expect(HttpStatusCode.OK);
        }

        var titled = await admin.NewSession(connection);
        await (await admin.PatchJson($"/api/sessions/{titled}", new { title = "Cafe\u0301 ﬁn" })).Expect(HttpStatusCode.OK);
        Assert.Equal(titled, (await Found(admin, "CAFÉ FIN")).Single().Id());
        Assert.Empty(await Found(admin, "cafe")); // another letter
        Assert.Equal(0, (await admin.GetJson($"/api/sessions/{titled}/find?q=%C2%AD")).GetProperty("total").GetInt32());
    }

    /// <summary>The index holds groups of three letters: where fewer are left, at the end and in short texts, they are found too.</summary>
    [Fact]
    public async Task One_or_two_letters_are_found_wherever_they_stand()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "0"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        foreach (var (text, queries) in new (string, string[])[]
        {
            ("jq", ["j", "q", "jq", "JQ"]), ("v", ["v"]), ("在北京", ["京", "北京", "在"]), ("to the XW", ["xw", "w"]), ("😀", ["😀"]),
            ("ends in 🧪🦊", ["🦊", "🧪🦊"]), ("kubeza\u0301", ["zá", "á"]), ("a ﬀ", ["ff"]), ("hg \u0003", ["hg"]),
        })
        {
            var session = await admin.NewSession(connection);
            await admin.AskAndWait(session, text);
            await (await admin.PatchJson($"/api/sessions/{session}", new { title = "7" })).Expect(HttpStatusCode.OK);
            foreach (var q in queries)
            {
                Assert.Contains(await Found(admin, q), item => item.Id() == session && item.GetProperty("matches").GetArrayLength() == 1);
            }
        }

        Assert.Empty(await Found(admin, "qj"));
        Assert.Equal(["v"], (await Found(admin, "v")).Select(item => item.GetProperty("matches")[0].Text("snippet")));
    }

    [Fact]
    public async Task Pages_follow_one_another_and_the_archive_is_apart()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var ids = new List<long>();
        for (var i = 0; i < 7; i++)
        {
            ids.Add((await (await admin.PostJson("/api/sessions", new { title = $"Report {i}" })).Json(HttpStatusCode.Created)).Id());
        }

        await (await admin.PostJson("/api/sessions", new { title = "Report hidden", temporary = true })).Expect(HttpStatusCode.Created);
        await (await admin.PatchJson($"/api/sessions/{ids[0]}", new { archived = true })).Expect(HttpStatusCode.OK);
        foreach (var q in new[] { "report", "Re" })
        {
            var first = await admin.GetJson($"/api/sessions?q={q}&limit=4");
            var second = await admin.GetJson($"/api/sessions?q={q}&limit=4&cursor={first.Text("nextCursor")}");
            Assert.Equal(
                ids.Skip(1).Reverse(),
                first.GetProperty("items").EnumerateArray().Concat(second.GetProperty("items").EnumerateArray()).Select(item => item.Id()));
            Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
            Assert.Equal(
                ids[0], (await admin.GetJson($"/api/sessions?q={q}&archived=true")).GetProperty("items").EnumerateArray().Single().Id());
        }
    }

    [Fact]
    public async Task A_chat_is_searched_from_its_beginning_on_the_active_branch_only()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Needle in the answer"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var first = await admin.AskAndWait(session, "a needle");
        await admin.AskAndWait(session, "hay");
        await using (var other = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = first.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            await other.ReadAllAsync();
        }

        var found = await admin.GetJson($"/api/sessions/{session}/find?q=NEEDLE");
        var active = (await admin.Messages(session)).Select(message => message.Id());
        Assert.Equal(active, found.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("messageId").GetInt64()));
        Assert.Equal(2, found.GetProperty("total").GetInt32());
        Assert.All(found.GetProperty("items").EnumerateArray(), item => Assert.Equal("needle", Marked(item).Single(), ignoreCase: true));

        var one = await admin.GetJson($"/api/sessions/{session}/find?q=needle&limit=1");
        var two = await admin.GetJson($"/api/sessions/{session}/find?q=needle&limit=1&cursor={one.Text("nextCursor")}");
        Assert.Equal(active, new[] { one, two }.Select(page => page.GetProperty("items")[0].GetProperty("messageId").GetInt64()));
        Assert.Equal(JsonValueKind.Null, two.GetProperty("nextCursor").ValueKind);
        Assert.Empty((await admin.GetJson($"/api/sessions/{session}/find?q=hay")).GetProperty("items").EnumerateArray());
        await (await admin.GetAsync($"/api/sessions/{session}/find?q="))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await admin.GetAsync($"/api/sessions?q={new string('x', 201)}"))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
    }

    /// <summary>The index is brought up to date some seconds later; what is found is the same before and after.</summary>
    [Fact]
    public async Task What_was_written_edited_and_deleted_is_found_as_it_is_before_and_after_it_is_indexed()
    {
        var told = "a heron";
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, told);
            await OpenAiScript.Finish(exchange, 2);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "which bird");
        Assert.Single(await Found(admin, "heron"));
        Assert.Single(await Found(admin, "he"));
        await LongChat.Indexed(server);
        Assert.Single(await Found(admin, "heron"));

        told = "a stork";
        var answer = (await admin.Messages(session))[^1].Id();
        await using (var again = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = answer, clientMessageId = ChatSteps.NewId() }))
        {
            await again.ReadAllAsync();
        }

        await (await admin.DeleteAsync($"/api/sessions/{session}/messages/{answer}")).Expect(HttpStatusCode.NoContent);
        Assert.Empty(await Found(admin, "heron"));
        Assert.Single(await Found(admin, "stork"));
        await LongChat.Indexed(server);
        Assert.Empty(await Found(admin, "heron"));
        Assert.Empty(await Found(admin, "er"));
        Assert.Single(await Found(admin, "stork"));
        Assert.Equal(0, LongChat.IndexHits(server, "ero"));
    }

    [Fact]
    public async Task What_is_somebody_elses_or_deleted_is_not_found()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "the secret treasure"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "where was it buried");
        var other = await server.RegisterUserAsync(admin);

        Assert.Empty(await Found(other, "treasure"));
        Assert.Empty(await Found(other, "se"));
        var foreign = await other.GetAsync($"/api/sessions/{session}/find?q=treasure");
        var never = await other.GetAsync("/api/sessions/987654321/find?q=treasure");
        Assert.Equal(
            (await never.ExpectProblem(HttpStatusCode.NotFound, "not_found")).Text("detail"),
            (await foreign.ExpectProblem(HttpStatusCode.NotFound, "not_found")).Text("detail"));

        await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        Assert.Empty(await Found(admin, "treasure"));
        await admin.AskAndWait(await admin.NewSession(), "hello");
        Assert.Empty(await Found(admin, "buried"));
    }

    private static async Task<List<JsonElement>> Found(HttpClient client, string q) =>
        [.. (await client.GetJson($"/api/sessions?q={Uri.EscapeDataString(q)}")).GetProperty("items").EnumerateArray()];

    private static IEnumerable<string> Marked(JsonElement match)
    {
        var snippet = match.Text("snippet")!;
        return match.GetProperty("marks").EnumerateArray()
            .Select(mark => snippet.Substring(mark.GetProperty("start").GetInt32(), mark.GetProperty("length").GetInt32()));
    }
}
