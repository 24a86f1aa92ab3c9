using System.Text;
using System.Text.Json;
using AiChat.Tests.Chat;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Api;

/// <summary>ChatGPT's export, in the forms of its years.</summary>
public sealed class ImportChatGptTests
{
    [Fact]
    public async Task Branches_thoughts_tools_pictures_and_links_come_as_they_were()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var hidden = new { is_visually_hidden_from_conversation = true };
        var chat = ChatGpt(
            "c1", "  A\nwhole chat ", "a2",
            ("root", Node("root", null, null, null)),
            ("sys", Node("sys", "root", "system", Text(""))),
            ("ctx", Node("ctx", "sys", "user", new { content_type = "user_editable_context", user_profile = "secret profile" }, hidden)),
            ("q1", Node("q1", "ctx", "user", new
            {
                content_type = "multimodal_text",
                parts = new object[] { new { content_type = "image_asset_pointer", asset_pointer = "sediment://file_00ab" },
                    "What is this?" },
            }, new { attachments = new[] { new { id = "file-pdf", name = "plan.pdf", mime_type = "application/pdf" } } })),
            ("a1", Node("a1", "q1", "assistant", Text("First version"))),
            ("th", Node("th", "q1", "assistant",
                new { content_type = "thoughts", thoughts = new[] { new { summary = "Look", content = "It is red." } } })),
            ("rc", Node("rc", "th", "assistant", new { content_type = "reasoning_recap", content = "Thought for 12s" },
                new { finished_duration_sec = 12 })),
            ("call", Node("call", "rc", "assistant", new { content_type = "code", language = "unknown", text = "print(1)" }, null,
                "python")),
            ("out", Node("out", "call", "tool", new { content_type = "execution_output", text = "1" })),
            ("a2", Node("a2", "out", "assistant", Text("A rose \ue200cite\ue202turn0search0\ue201, and \ue200x\ue201more."), new
            {
                model_slug = "o4-mini",
                content_references = new[]
                {
                    new { matched_text = "\ue200cite\ue202turn0search0\ue201",
                        items = new[] { new { title = "Roses", url = "https://example.org/r(1)" } } },
                },
            })));

        var import = await me.Import(Zip(
            ("conversations.json", Json(new[] { chat })), ("file_00ab-rose.dat", SampleImages.Png()), ("user.json", "{}"u8.ToArray()),
            ("chat.html", "<html>"u8.ToArray()), ("shared_conversations.json", "[]"u8.ToArray())));

        Assert.Equal("done 1 0 0", import.Counts());
        Assert.Equal(["not_taken: shared_conversations.json", "file_not_kept: plan.pdf (A whole chat)"], import.Skipped());
        var session = await me.Chat("A whole chat");
        Assert.Equal("2025-08-24T01:46:40.123Z", session.Text("createdAt"));
        Assert.Equal(3, session.GetProperty("messageCount").GetInt32());
        var messages = await me.Messages(session);
        Assert.Equal(["u: What is this?\n\n[plan.pdf]", "a: A rose  ([Roses](https://example.org/r%281%29)), and more."],
            await me.Branch(session));
        Assert.Equal("image/png", messages[0].GetProperty("images")[0].Text("mime"));
        using var picture = await me.GetAsync(messages[0].GetProperty("images")[0].Text("url"));
        Assert.Equal(SampleImages.Png(), await picture.Content.ReadAsByteArrayAsync());
        Assert.Equal(("**Look**\n\nIt is red.", 12_000, "o4-mini"), (
            messages[1].Text("reasoning"), messages[1].GetProperty("reasoningMs").GetInt32(), messages[1].Text("model")));
        var call = messages[1].GetProperty("toolCalls")[0];
        Assert.Equal(("python", "print(1)", "1", "succeeded"),
            (call.Text("name"), call.Text("arguments"), call.Text("result"), call.Text("status")));
        Assert.Equal(2, messages[1].GetProperty("siblings").GetArrayLength());
        var first = (await me.Messages(session, tree: true)).Single(message => message.Text("content") == "First version");
        Assert.Equal("gpt-5-thinking", first.Text("model"));
        Assert.DoesNotContain("secret profile", JsonSerializer.Serialize(await me.Messages(session, tree: true)));
    }

    /// <summary>Seen in reports: many numbered files, messages without metadata, a null title, folders among the chats.</summary>
    [Fact]
    public async Task Numbered_files_are_taken_together_and_missing_ones_told()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var archive = Zip(
            ("export_manifest.json",
                Json(new { files = new[] { "conversations-000.json", "conversations-001.json", "conversations-002.json" } })),
            ("conversations-001.json", Json(new[] { Simple("c2", "Two") })),
            ("conversations-000.json",
                Json(new object[] { new { id = "f", title = "A folder" }, Simple("c1", null, "What is a null title?") })));

        var import = await me.Import(archive);

        Assert.Equal("done 2 0 0", import.Counts());
        Assert.Equal(["file_missing: conversations-002.json", "not_a_chat: A folder"], import.Skipped());
        Assert.Equal(["Two", "What is a null title?"], (await me.Chats()).Select(chat => chat.Text("title")).Order());
        Assert.Equal(import.GetProperty("report").GetProperty("firstSessionId").GetInt64(), (await me.Chat("What is a null title?"))
            .GetProperty("id").GetInt64());
        Assert.Equal("done 0 0 2", (await me.Import(archive)).Counts());
        Assert.Equal(2, (await me.Chats()).Length);

        // The bare files do as well, as does a chat that grew since.
        var grown = ChatGpt(
            "c2", "Two", "q2", ("r", Node("r", null, null, null)), ("q", Node("q", "r", "user", Text("Where?"))),
            ("a", Node("a", "q", "assistant", Text("Here."))), ("q2", Node("q2", "a", "user", Text("And then?"))));
        Assert.Equal("done 0 1 0", (await me.Import(Json(new[] { grown }), "conversations-001.json")).Counts());
        Assert.Equal(["u: Where?", "a: Here.", "u: And then?"], await me.Branch(await me.Chat("Two")));
    }

    /// <summary>Seen in reports: links to children left out, parents in circles, a node that is current and missing.</summary>
    [Fact]
    public async Task Damaged_trees_are_taken_as_far_as_they_hold()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        object Parentless(string id, string[] children, string? role = null, object? content = null) =>
            new { id, children, message = role is null ? null : new { id, author = new { role }, content } };
        var chats = new[]
        {
            ChatGpt("circle", "Circle", "x", ("a", Node("a", "b", "user", Text("One"))), ("b", Node("b", "a", "assistant", Text("Two")))),
            ChatGpt("orphan", "Orphan", null, ("q", Node("q", null, "user", Text("Begin"))),
                ("o", Node("o", "gone", "assistant", Text("Later")))),
            ChatGpt(
                "children", "Children", null, ("r", Parentless("r", ["q"])), ("q", Parentless("q", ["a"], "user", Text("By children"))),
                ("a", Parentless("a", [], "assistant", Text("only")))),
            ChatGpt("empty", "Empty", "r", ("r", Node("r", null, null, null)), ("e", Node("e", "r", "user", Text("")))),
        };

        var import = await me.Import(Json(chats), "conversations.json");

        Assert.Equal("done 3 0 0", import.Counts());
        Assert.Equal(["repaired: 1 × (Circle)", "repaired: 1 × (Orphan)", "empty: Empty"], import.Skipped());
        Assert.Equal(["u: One", "a: Two"], (await me.Branch(await me.Chat("Circle"))).Order().Reverse());
        Assert.Equal(["u: Begin", "a: Later"], await me.Branch(await me.Chat("Orphan")));
        Assert.Equal(["u: By children", "a: only"], await me.Branch(await me.Chat("Children")));
    }

    [Fact]
    public async Task Canvas_voice_and_half_characters_stay_readable()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var canvas = """{"name":"Poem","type":"document","content":"Roses\n```\nare red"}""";
        var json = Encoding.UTF8.GetString(Json(new[]
        {
            ChatGpt(
                "c", "Canvas", "a2",
                ("q", Node("q", null, "user",
                    new { content_type = "multimodal_text",
                    parts = new object[] { new { content_type = "audio_transcription", text = "Spoken" },
                    new { content_type = "audio_asset_pointer", asset_pointer = "sediment://file_x" } } })),
                ("a", Node("a", "q", "assistant", Text(canvas), null, "canmore.create_textdoc")),
                ("t", Node("t", "a", "tool", Text("Created"))),
                ("a2", Node("a2", "t", "assistant", Text("HALF and NUL")))),
        })).Replace("HALF", "\\ud83d", StringComparison.Ordinal).Replace("NUL", "\\u0000", StringComparison.Ordinal);

        var import = await me.Import(Encoding.UTF8.GetBytes(json), "conversations.json");

        Assert.Equal("done 1 0 0", import.Counts());
        Assert.Equal(
            ["u: Spoken", "a: **Poem**\n\n````markdown\nRoses\n```\nare red\n````\n\n\ufffd and \ufffd"],
                await me.Branch(await me.Chat("Canvas")));
    }
}
