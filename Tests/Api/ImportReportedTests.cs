using System.Text;
using AiChat.Tests.Chat;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Api;

/// <summary>What people reported of imports elsewhere, each with archives of our own.</summary>
public sealed class ImportReportedTests
{
    /// <summary>LibreChat 9491 and 2718, basic-memory 1290, dsh-chat-import 62.</summary>
    [Fact]
    public async Task Of_chatgpt_a_system_message_in_the_middle_missing_times_and_shells_without_messages()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        object Untimed(string id, string? parent, string role, string text, string? model = null) => new
        {
            id,
            parent,
            message = new { author = new { role }, content = Text(text), metadata = model is null ? null : new { model_slug = model } },
        };
        var untimed = new
        {
            conversation_id = "t",
            title = "Only an update",
            update_time = 1_700_000_000,
            default_model_slug = "gpt-5",
            mapping = new Dictionary<string, object>
            {
                ["q"] = Untimed("q", null, "user", "One"),
                ["a"] = Untimed("a", "q", "assistant", "Two", "gpt-4o"),
            },
        };
        var divided = ChatGpt(
            "d", "Divided", "a2", ("q", Node("q", null, "user", Text("First"))), ("a", Node("a", "q", "assistant", Text("Second"))),
            ("s", Node("s", "a", "system", Text("a rule"))), ("q2", Node("q2", "s", "user", Text("Third"))),
            ("a2", Node("a2", "q2", "assistant", Text("Fourth"))));
        var shells = new object[] { new { id = "x", title = "A shell" }, new { id = "y", title = "Null", mapping = (object?)null } };

        var import = await me.Import(Json(new[] { shells[0], untimed, shells[1], divided }), "conversations.json");

        Assert.Equal("done 2 0 0", import.Counts());
        Assert.Equal(["not_a_chat: A shell", "not_a_chat: Null"], import.Skipped());
        Assert.Equal(["u: First", "a: Second", "u: Third", "a: Fourth"], await me.Branch(await me.Chat("Divided")));
        var dated = await me.Chat("Only an update");
        Assert.Equal(2023, dated.GetProperty("createdAt").GetDateTimeOffset().Year);
        Assert.Equal(2023, dated.GetProperty("updatedAt").GetDateTimeOffset().Year);
        Assert.Equal("gpt-4o", (await me.Messages(dated))[1].Text("model"));
    }

    /// <summary>nexus-ai-chat-importer 62, tinfoil-webapp 431.</summary>
    [Fact]
    public async Task Of_chatgpt_pictures_that_are_called_dat_and_questions_of_nothing_else()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var (byId, byName) = (SampleImages.Png(2, 2), SampleImages.Png(3, 3));
        var pointer = new
        {
            content_type = "multimodal_text",
            parts = new object[] { new { content_type = "image_asset_pointer", asset_pointer = "sediment://file_0a1b2c" } },
        };
        var chat = ChatGpt(
            "p", "Pictures", "a", ("q", Node("q", null, "user", pointer)),
            ("q2", Node("q2", "q", "user", Text("And this?"), new { attachments = new[] { new { name = "My photo.jpg" } } })),
            ("a", Node("a", "q2", "assistant", Text("Both are small."))));
        var archive = Zip(
            ("conversations-000.json", Json(new[] { chat })), ("file_0a1b2c.dat", byId), ("file-Zz9.dat", byName),
            ("conversation_asset_file_names.json", Json(new Dictionary<string, string>
            {
                ["file_0a1b2c.dat"] = "dalle-generations/a.webp",
                ["file-Zz9.dat"] = "My photo.jpg",
            })));

        var import = await me.Import(archive);

        Assert.Equal("done 1 0 0", import.Counts());
        Assert.Empty(import.Skipped());
        var messages = await me.Messages(await me.Chat("Pictures"));
        Assert.Equal(["", "And this?", "Both are small."], messages.Select(message => message.Text("content")));
        Assert.Equal([2, 3], messages[..2].Select(message => message.GetProperty("images")[0].GetProperty("width").GetInt32()));
    }

    /// <summary>nexus-ai-chat-importer 73 and 32, claude-chat-viewer 5 and 14, BoltAI 243.</summary>
    [Fact]
    public async Task Of_claude_unknown_blocks_placeholders_and_chats_without_a_name()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        const string mobile = "Viewing artifacts created via the Analysis Tool web feature preview isn’t yet supported on mobile.";
        object Block(string type, string? text) => new { start_timestamp = (string?)null, type, text, citations = Array.Empty<object>() };
        var chats = new object[]
        {
            new
            {
                uuid = "c1", name = "Blocks", summary = "", created_at = "2026-08-01T10:00:00.000000Z", account = new { uuid = "me" },
                chat_messages = new object[]
                {
                    new { uuid = "1", sender = "human", text = "", content = Array.Empty<object>(),
                        attachments = new[] { new { file_name = "notes.txt", extracted_content = "Only a file" } } },
                    new { uuid = "2", sender = "assistant", text = "", content = new[]
                    {
                        Block("token_budget", null), Block("text", $"Before\n```\n{mobile}\n```\nafter"), Block("voice_note", "Spoken"),
                        new { type = "flag", flag = "x" }, new { type = "tool_result" }, Block("text", mobile),
                    } },
                },
            },
            new { chat_messages = new[] { new { sender = "human", text = "Neither id nor name", created_at = "2026-08-02T10:00:00Z" } } },
        };
        var archive = Zip(("conversations.json", Json(chats)), ("users.json", Json(Array.Empty<object>())));

        Assert.Equal("done 2 0 0", (await me.Import(archive, "conversations-000.zip")).Counts());
        Assert.Equal("done 0 0 2", (await me.Import(archive, "conversations-000.zip")).Counts());

        Assert.Equal(
            ["u: **notes.txt**\n\n```\nOnly a file\n```", "a: Before\n\nafter\n\nSpoken"], await me.Branch(await me.Chat("Blocks")));
        Assert.Equal(["u: Neither id nor name"], await me.Branch(await me.Chat("Neither id nor name")));
    }

    /// <summary>unsloth 8643, animachat 60, open-webui 5204.</summary>
    [Fact]
    public async Task Of_open_webui_regenerated_answers_several_beginnings_and_pictures_of_tools()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        string Url(uint side) => $"data:image/png;base64,{Convert.ToBase64String(SampleImages.Png(side, side))}";
        object Message(string id, string? parent, string role, string? content, params object[] output) =>
            new { id, parentId = parent, role, content, timestamp = 1_756_000_000, done = true, output };
        var messages = new Dictionary<string, object>
        {
            ["first"] = Message("first", null, "user", "First beginning"),
            ["a0"] = Message("a0", "first", "assistant", "Zero"),
            ["q"] = Message("q", null, "user", "Second beginning"),
            ["a1"] = Message("a1", "q", "assistant", "One"),
            ["a2"] = Message("a2", "q", "assistant", "Two", new { type = "function_call", call_id = "f", name = "draw", arguments = "{}" },
                new
                {
                    type = "function_call_output",
                    call_id = "f",
                    output = new object[]
                {
                    new { type = "input_text", text = "drawn" }, new { type = "input_image", image_url = Url(4) },
                    new { type = "input_file", filename = "plan.pdf" },
                }
                },
                new { type = "image_generation_call", id = "i", result = Convert.ToBase64String(SampleImages.Png(5, 5)) },
                new { type = "message", content = new object[] { new { type = "output_text", text = "Two" } } }),
            ["a3"] = Message("a3", "q", "assistant", "Three"),
        };
        var chat = new { id = "w", title = "Siblings", chat = new { history = new { messages, currentId = "a2" } } };

        var import = await me.Import(Json(new[] { chat }), "chats.json");

        Assert.Equal("done 1 0 0", import.Counts());
        Assert.Equal(["file_not_kept: plan.pdf (Siblings)"], import.Skipped());
        var session = await me.Chat("Siblings");
        var branch = await me.Messages(session);
        Assert.Equal(["Second beginning", "[plan.pdf]\n\nTwo"], branch.Select(message => message.Text("content")));
        Assert.Equal((2, 3), (branch[0].GetProperty("siblings").GetArrayLength(), branch[1].GetProperty("siblings").GetArrayLength()));
        Assert.Equal([4, 5], branch[1].GetProperty("images").EnumerateArray().Select(image => image.GetProperty("width").GetInt32()));
        Assert.Equal("drawn", branch[1].GetProperty("toolCalls")[0].Text("result"));
        Assert.Equal(6, (await me.Messages(session, tree: true)).Length);
    }

    /// <summary>chatbot-ui 410: texts as lists or objects came in as empty messages. What cannot be read is told.</summary>
    [Fact]
    public async Task Of_other_programs_texts_in_lists_and_objects_and_what_cannot_be_read_is_told()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        object Message(string role, object content) => new { role, content, create_time = 1_680_000_000.2 };
        var chat = new
        {
            title = "Lists",
            messages = new[]
            {
                Message("user", new[] { "First", "second" }),
                Message("assistant", new { content_type = "text", parts = new[] { "Third" } }),
                Message("user", new object[] { new { type = "text", text = new { value = "Fourth" } } }),
                Message("assistant", new { text = "Fifth" }), Message("user", new { drawing = 5 }), Message("assistant", ""),
            },
        };
        var project = new { uuid = "p", name = "Project", prompt_template = "Be kind", docs = Array.Empty<object>() };

        var import = await me.Import(Zip(("chats.json", Json(new[] { chat })), ("projects/p.json", Json(project))));

        Assert.Equal("done 1 0 0", import.Counts());
        Assert.Contains("not_read: user (Lists)", import.Skipped());
        Assert.Contains("A project", import.GetProperty("report").GetRawText());
        Assert.Equal(
            ["u: First\n\nsecond", "a: Third", "u: Fourth", "a: Fifth", "u: ", "a: "], await me.Branch(await me.Chat("Lists")));
    }

    /// <summary>A chat that is too large for memory is the same as a small one, in every form (LibreChat 2355 and others).</summary>
    [Theory]
    [InlineData("chatgpt")]
    [InlineData("claude")]
    [InlineData("openwebui")]
    [InlineData("librechat")]
    [InlineData("nested")]
    [InlineData("cut")]
    public async Task A_chat_larger_than_memory_is_taken_from_disk(string form)
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        const int count = 40;
        string Said(int i) =>
            $"{i}: \"quoted\" \\ {{[,]}} ünïcode 😀 {new string((char)('a' + (i % 26)), i % 7 == 0 ? 150_000 : 40_000)} end";
        string Role(int i) => i % 2 == 0 ? "user" : "assistant";
        var key = (int i) => i < 0 ? null : $"m{i}";
        var all = Enumerable.Range(0, count).ToList();
        object value = form switch
        {
            "chatgpt" or "cut" => ChatGpt("c", "Large", form == "cut" ? null : $"m{count - 1}", [.. all.Select(i =>
                ($"m{i}", Node($"m{i}", key(i - 1), Role(i), Text(Said(i)))))]),
            "claude" => new
            {
                uuid = "c",
                name = "Large",
                chat_messages = all.Select(i => new
                { uuid = key(i), sender = i % 2 == 0 ? "human" : "assistant", content = new[] { new { type = "text", text = Said(i) } } }),
            },
            "openwebui" => new
            {
                id = "c",
                title = "Large",
                chat = new
                {
                    history = new
                    {
                        currentId = key(count - 1),
                        messages =
                all.ToDictionary(i => $"m{i}", i => new { id = key(i), parentId = key(i - 1), role = Role(i), content = Said(i) })
                    }
                }
            },
            "librechat" => new
            {
                conversationId = "c",
                title = "Large",
                messages = all.Select(i => new
                { messageId = key(i), parentMessageId = key(i - 1), isCreatedByUser = i % 2 == 0, text = Said(i) })
            },
            _ => new
            {
                conversationId = "c",
                title = "Large",
                recursive = true,
                messages = all.Reverse<int>().Aggregate(
                Array.Empty<object>(), (inner, i) =>
                    [new { messageId = key(i), isCreatedByUser = i % 2 == 0, text = Said(i), children = inner }])
            },
        };
        var json = Encoding.UTF8.GetString(Json(new[] { Simple("small"), value })).Replace("ünïcode", "\\u00fcn\\u00efcode",
            StringComparison.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(json);
        var archive = form == "cut" ? bytes[..^200_000] : bytes;

        var import = await me.Import(archive, "conversations.json");

        Assert.Equal("done 2 0 0", import.Counts());
        var chats = await me.Chats();
        var branch = await me.Messages(chats.Single(chat => chat.Text("title") == "Large"));
        var expected = form == "cut" ? all.Take(branch.Length) : all;
        Assert.InRange(branch.Length, count - 5, count);
        Assert.Equal(expected.Select(Said), branch.Select(message => message.Text("content")));
        Assert.Equal("done 0 0 2", (await me.Import(archive, "conversations.json")).Counts());
        await Eventually.Holds(() => Directory.GetFiles(Path.Combine(server.DataDir, "imports")).Length == 0);
    }
}
