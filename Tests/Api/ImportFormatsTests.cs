using System.Net;
using System.Text.Json.Nodes;
using AiChat.Tests.Chat;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Api;

/// <summary>The exports of Claude, Open WebUI, LibreChat and others, and of this server.</summary>
public sealed class ImportFormatsTests
{
    [Fact]
    public async Task Claudes_blocks_branches_and_files()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        object Said(string uuid, string? parent, string sender, object[] content, string text = "", object[]? attachments = null,
            object[]? files = null) => new
            {
                uuid,
                parent_message_uuid = parent,
                sender,
                text,
                content,
                created_at = "2025-03-04T05:06:07.123456Z",
                attachments = attachments ?? [],
                files = files ?? [],
            };
        object Block(string text) => new { type = "text", text };
        var chat = new
        {
            uuid = "u1",
            name = "With files",
            created_at = "2025-03-04T05:06:07.123456+00:00",
            updated_at = "2025-03-05T05:06:07Z",
            chat_messages = new[]
            {
                Said("m1", "00000000-0000-4000-8000-000000000000", "human", [], "",
                    [new { file_name = "notes.txt", extracted_content = "line ``` one" }]),
                Said("m2", "m1", "assistant",
                [
                    new { type = "thinking", thinking = "Let me see", start_timestamp = "2025-03-04T05:06:08Z",
                        stop_timestamp = "2025-03-04T05:06:10Z" },
                    Block("Looking"), new { type = "tool_use", id = "t1", name = "web_search", input = new { query = "x" } },
                    new { type = "tool_result", tool_use_id = "t1", content = new[] { new { type = "text", text = "found" } } },
                    new { type = "tool_use", id = "t2", name = "artifacts",
                        input = new { title = "Page", type = "text/html", content = "<p>" } },
                    Block("Done"),
                ]),
                Said("m3", "m1", "assistant", [Block("Another version")]),
                Said("m4", "m2", "human", [Block("")], "Old text", null,
                    [new { file_uuid = "f-1", file_name = "photo.png" }, new { file_uuid = "f-2", file_name = "gone.png" }]),
            },
        };

        var import = await me.Import(Zip(
            ("data/conversations.json", Json(new[] { chat })), ("data/users.json", "[]"u8.ToArray()),
                ("data/projects.json", "[]"u8.ToArray()),
            ("data/photo.png", SampleImages.Png()), ("__MACOSX/data/._conversations.json", [0, 5, 22, 7])));

        Assert.Equal("done 1 0 0", import.Counts());
        Assert.Equal(["not_taken: data/projects.json", "file_not_kept: gone.png (With files)"], import.Skipped());
        var session = await me.Chat("With files");
        Assert.Equal("2025-03-04T05:06:07.123Z", session.Text("createdAt"));
        Assert.Equal(
            [
                "u: **notes.txt**\n\n````\nline ``` one\n````", "a: Looking\n\n**Page**\n\n```html\n<p>\n```\n\nDone",
                    "u: Old text\n\n[gone.png]",
            ], await me.Branch(session));
        var messages = await me.Messages(session);
        Assert.Equal(("Let me see", 2_000), (messages[1].Text("reasoning"), messages[1].GetProperty("reasoningMs").GetInt32()));
        Assert.Equal(("web_search", "found"),
            (messages[1].GetProperty("toolCalls")[0].Text("name"), messages[1].GetProperty("toolCalls")[0].Text("result")));
        Assert.Equal(2, messages[1].GetProperty("siblings").GetArrayLength());
        Assert.Equal(1, messages[2].GetProperty("images").GetArrayLength());
    }

    [Fact]
    public async Task Open_webuis_chats_with_thoughts_sources_and_several_models()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var picture = $"data:image/png;base64,{Convert.ToBase64String(SampleImages.Png())}";
        const string thought = """
            <details type="reasoning" done="true" duration="3">
            <summary>Thought for 3 seconds</summary>
            &gt; One &amp; two
            &gt; three
            </details>
            Second
            """;
        object Chat(string id, string owner, bool archived = false) => new
        {
            id,
            user_id = owner,
            title = $"Chat {id}",
            chat = new
            {
                models = new[] { "llama3", "qwen" },
                @params = new { system = "Be brief." },
                history = new
                {
                    currentId = "a2",
                    messages = new Dictionary<string, object>
                    {
                        ["u1"] = new
                        {
                            id = "u1",
                            parentId = (string?)null,
                            childrenIds = new[] { "a1", "a2" },
                            role = "user",
                            content = "Compare",
                            timestamp = 1_700_000_000,
                            files = new object[] { new { type = "image", url = picture }, new { type = "file", name = "a.csv" } }
                        },
                        ["a2"] = new
                        {
                            id = "a2",
                            parentId = "u1",
                            role = "assistant",
                            model = "qwen",
                            modelIdx = 1,
                            content = thought,
                            timestamp = 1_700_000_005,
                            done = true,
                            usage = new { prompt_tokens = 7, completion_tokens = 9 },
                            sources = new[] { new { source = new { name = "Doc" },
                                metadata = new[] { new { source = "https://example.org/a b", name = "Doc" } } } }
                        },
                        ["a1"] = new
                        {
                            id = "a1",
                            parentId = "u1",
                            role = "assistant",
                            model = "llama3",
                            modelIdx = 0,
                            content = "First",
                            timestamp = 1_700_000_004,
                            done = true
                        },
                    },
                },
            },
            created_at = 1_700_000_000,
            updated_at = 1_700_000_100,
            archived,
            pinned = !archived,
        };

        var import = await me.Import(Json(new[] { Chat("o1", "me"), Chat("o2", "me", archived: true) }), "chat-export-1.json");

        Assert.Equal("done 2 0 0", import.Counts());
        Assert.Equal(["file_not_kept: a.csv (Chat o1)", "file_not_kept: a.csv (Chat o2)"], import.Skipped());
        Assert.Equal("Chat o2", Assert.Single(await me.Chats(archived: true)).Text("title"));
        var session = await me.Chat("Chat o1");
        Assert.Equal((true, "Be brief.", "2023-11-14T22:15:00.000Z"),
            (session.GetProperty("pinned").GetBoolean(), session.Text("systemPrompt"), session.Text("updatedAt")));
        Assert.Equal(["u: Compare\n\n[a.csv]", "a: Second\n\n- [Doc](https://example.org/a%20b)"], await me.Branch(session));
        var messages = await me.Messages(session);
        Assert.Equal(1, messages[0].GetProperty("images").GetArrayLength());
        Assert.Equal(("One & two\nthree", "qwen", 9),
            (messages[1].Text("reasoning"), messages[1].Text("model"), messages[1].GetProperty("usage").GetProperty("completionTokens")
            .GetInt32()));
        var siblings = messages[1].GetProperty("siblings").EnumerateArray().Select(id => id.GetInt64()).ToList();
        Assert.Equal((2, messages[1].GetProperty("id").GetInt64()), (siblings.Count, siblings[1])); // in the order of the models

        // What an administrator exported of everybody goes into one account only when that is said.
        var everybody = Json(new[] { Chat("o3", "ann"), Chat("o4", "bob") });
        var refused = await me.Import(everybody, "all-chats-export-1.json");
        Assert.Equal(("failed 0 0 0", "several_owners"), (refused.Counts(), refused.ErrorCode()));
        Assert.Equal("done 2 0 0", (await me.Import(everybody, "all-chats-export-1.json", "&everyone=true")).Counts());
    }

    [Fact]
    public async Task A_large_picture_within_json_and_a_long_list_need_little_memory()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var png = SampleImages.Png(2, 3, ("tEXt", new byte[3_000_000]));
        var chat = new
        {
            id = "big",
            title = "Big",
            messages = new object[]
            {
                new { role = "user", content = "Look", images = new[] { $"data:image/png;base64,{Convert.ToBase64String(png)}" } },
                new { role = "assistant", content = "Nice" },
            },
        };

        var import = await me.Import(Json(chat), "chat.json");

        Assert.Equal("done 1 0 0", import.Counts());
        var message = (await me.Messages(await me.Chat("Big")))[0];
        using var shown = await me.GetAsync(message.GetProperty("images")[0].Text("url"));
        Assert.Equal(SampleImages.Png().Length, (await shown.Content.ReadAsByteArrayAsync()).Length); // without the notes in it
        Assert.Empty(Directory.GetFiles(Path.Combine(server.DataDir, "imports")));
    }

    [Fact]
    public async Task Librechats_tree_of_any_depth_and_its_lists()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        JsonObject? inner = null;
        for (var i = 1_999; i >= 0; i--)
        {
            inner = new JsonObject
            {
                ["messageId"] = $"m{i}",
                ["isCreatedByUser"] = i % 2 == 0,
                ["text"] = $"text {i}",
                ["createdAt"] = "2024-05-01T16:35:11.530Z",
                ["children"] = inner is null ? new JsonArray() : new JsonArray(inner),
            };
        }

        var tree = new JsonObject
        {
            ["conversationId"] = "l1",
            ["title"] = "Deep",
            ["recursive"] = true,
            ["messagesTree"] = new JsonArray(inner)
        };
        var flat = new
        {
            conversationId = "l2",
            title = "Flat",
            options = new { promptPrefix = "You are an expert." },
            messages = new object[]
            {
                new { messageId = "1", parentMessageId = "00000000-0000-0000-0000-000000000000", isCreatedByUser = true, text = "Ask" },
                new { messageId = "2", parentMessageId = "1", isCreatedByUser = false, model = "gpt-4",
                    content = new object[] { new { type = "think", think = "Hm" }, new { type = "text", text = "Answer" },
                    new { type = "tool_call", tool_call = new { id = "t", name = "calc", args = "{}", output = "4" } } } },
                new { messageId = "3", parentMessageId = "1", isCreatedByUser = false, model = "gpt-4", text = "Other" },
            },
        };

        Assert.Equal("done 1 0 0", (await me.Import(Json(tree), "deep.json")).Counts());
        Assert.Equal("done 1 0 0", (await me.Import(Json(flat), "flat.json")).Counts());

        Assert.Equal(2_000, (await me.Chat("Deep")).GetProperty("messageCount").GetInt32());
        var session = await me.Chat("Flat");
        Assert.Equal("You are an expert.", session.Text("systemPrompt"));
        var answer = (await me.Messages(session, tree: true)).Single(message => message.Text("content") == "Answer");
        Assert.Equal(("Hm", "gpt-4", "4"),
            (answer.Text("reasoning"), answer.Text("model"), answer.GetProperty("toolCalls")[0].Text("result")));
    }

    [Fact]
    public async Task Our_own_exports_come_back_on_another_server_and_add_nothing_on_this_one()
    {
        await using var here = await TestServer.StartAsync();
        var me = await here.RegisterAdminAsync();
        await me.Import(Json(new[] { Simple("c1", "Kept"), Simple("c2", "Also kept") }), "conversations.json");
        var account = await (await me.GetAsync("/api/account/export")).Content.ReadAsByteArrayAsync();
        var session = await me.Chat("Kept");
        var single = await (await me.GetAsync($"/api/sessions/{session.GetProperty("id")}/export?format=json"))
            .Content.ReadAsByteArrayAsync();

        Assert.Equal("done 0 0 2", (await me.Import(account, "aichat.json")).Counts());
        await (await me.DeleteAsync($"/api/sessions/{session.GetProperty("id")}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("done 1 0 0", (await me.Import(single, "kept.json")).Counts());
        Assert.Equal(2, (await me.Chats()).Length);

        await using var there = await TestServer.StartAsync();
        var other = await there.RegisterAdminAsync();
        Assert.Equal("done 2 0 0", (await other.Import(account, "aichat.json")).Counts());
        Assert.Equal("done 0 0 1", (await other.Import(single, "kept.json")).Counts());
        Assert.Equal(["u: Where?", "a: Here."], await other.Branch(await other.Chat("Kept")));
    }

    [Fact]
    public async Task Chatbot_ui_and_deepseek_are_read_too()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var history = new
        {
            version = 4,
            history = new[] { new { id = 1, name = "Bot", model = new { id = "gpt-3.5" },
            messages = new[] { new { role = "user", content = "Hi" }, new { role = "assistant", content = "Hello" } } } },
            folders = Array.Empty<object>()
        };
        object Fragment(string type, string content) => new { type, content };
        var seek = new
        {
            id = "d1",
            title = "Seek",
            inserted_at = "2025-02-03T10:00:00+08:00",
            mapping = new Dictionary<string, object>
            {
                ["root"] = new { id = "root", parent = (string?)null, children = new[] { "1" }, message = (object?)null },
                ["1"] = new
                {
                    id = "1",
                    parent = "root",
                    children = new[] { "2" },
                    message = new
                    {
                        model = "deepseek-r1",
                        inserted_at = "2025-02-03T10:00:01+08:00",
                        fragments = new[] { Fragment("REQUEST", "Why?") }
                    }
                },
                ["2"] = new
                {
                    id = "2",
                    parent = "1",
                    children = Array.Empty<string>(),
                    message = new { model = "deepseek-r1", fragments = new[] { Fragment("THINK", "Hm"), Fragment("RESPONSE", "So.") } }
                },
            },
        };

        Assert.Equal("done 1 0 0", (await me.Import(Json(history), "history.json")).Counts());
        Assert.Equal("done 1 0 0", (await me.Import(Json(new[] { seek }), "conversations.json")).Counts());
        Assert.Equal(["u: Hi", "a: Hello"], await me.Branch(await me.Chat("Bot")));
        Assert.Equal(["u: Why?", "a: So."], await me.Branch(await me.Chat("Seek")));
    }
}
