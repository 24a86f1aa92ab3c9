using System.Net;
using System.Text.Json;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>
/// Images in messages: which models get them, what the history shows, and that they are removed with their message.
/// </summary>
public sealed class ImageChatTests
{
    [Fact]
    public async Task An_image_goes_to_a_model_that_sees_and_stays_in_the_history()
    {
        await using var chat = await ImageChat.StartAsync();
        var (first, second) = (await chat.Upload(SampleImages.Png()), await chat.Upload(SampleImages.Jpeg()));
        var session = await chat.Owner.NewSession(chat.ConnectionId);

        await using var stream = await chat.Ask(session, "what is this?", [second, first]);
        var transcript = new Transcript();
        await transcript.ReadAll(stream);

        var sent = Parts((await chat.Upstream.NextChatAsync()).Request.Json, 0);
        Assert.Equal(
            ["what is this?", Data("image/jpeg", SampleImages.Jpeg()), Data("image/png", SampleImages.Png())],
            sent.Select(part => part.Text("type") == "text" ? part.Text("text") : part.GetProperty("image_url").Text("url")));
        var question = transcript.Start!.Json.GetProperty("userMessage");
        Assert.Equal([second, first], Images(question).Select(image => image.Text("id")));
        var stored = (await chat.Owner.Messages(session))[0];
        Assert.Equal(question.GetProperty("images").GetRawText(), stored.GetProperty("images").GetRawText());
        var shown = Images(stored)[0];
        Assert.Equal(
            ("image/jpeg", 6, 7, $"/chat-images/{second}"),
            (shown.Text("mime"), shown.GetProperty("width").GetInt32(), shown.GetProperty("height").GetInt32(), shown.Text("url")));
        Assert.Equal(SampleImages.Jpeg(), await chat.Owner.GetByteArrayAsync(shown.Text("url")));

        // The next question sends the history too; a replay has the same start event.
        await (await chat.Ask(session, "and now?", [])).ReadAllAsync();
        Assert.Equal(
            sent.Select(part => part.GetRawText()),
            Parts((await chat.Upstream.NextChatAsync()).Request.Json, 0).Select(part => part.GetRawText()));
        await using var again = await chat.Owner.GetStream($"/api/chat/stream/{transcript.Start.AssistantId()}");
        var replayed = new Transcript();
        await replayed.ReadAll(again);
        Assert.Equal(
            question.GetProperty("images").GetRawText(),
            replayed.Start!.Json.GetProperty("userMessage").GetProperty("images").GetRawText());
    }

    [Fact]
    public async Task An_image_alone_is_a_message_and_four_are_the_most()
    {
        await using var chat = await ImageChat.StartAsync();
        var session = await chat.Owner.NewSession(chat.ConnectionId);
        var five = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            five.Add(await chat.Upload(SampleImages.Png()));
        }

        await (await chat.Send(session, "", five)).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await chat.Send(session, "", [five[0], five[0]])).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await chat.Ask(session, "", five[..4])).ReadAllAsync();
        Assert.Equal(4, Images((await chat.Owner.Messages(session))[0]).Count);
        Assert.All(Parts((await chat.Upstream.NextChatAsync()).Request.Json, 0), part => Assert.Equal("image_url", part.Text("type")));
    }

    [Fact]
    public async Task A_model_that_cannot_see_is_not_asked_and_nothing_is_stored()
    {
        await using var chat = await ImageChat.StartAsync();
        var image = await chat.Upload(SampleImages.Png());
        var session = await chat.Owner.NewSession(chat.ConnectionId, "blind-model");
        await (await chat.Send(session, "look", [image])).ExpectProblem(HttpStatusCode.UnprocessableEntity, "model_cannot_see");
        Assert.Empty(await chat.Owner.Messages(session));
        Assert.Empty(chat.Upstream.Chats());

        // Images of the history are left out, and the model is told that they are.
        var seeing = await chat.Owner.NewSession(chat.ConnectionId);
        await (await chat.Ask(seeing, "", [image])).ReadAllAsync();
        await chat.Upstream.NextChatAsync();
        var id = ChatSteps.NewId();
        var blind = new { sessionId = seeing, content = "go on", clientMessageId = id, chat.ConnectionId, model = "blind-model" };
        await (await chat.Owner.PostStream("/api/chat/stream", blind)).ReadAllAsync();
        var asked = (await chat.Upstream.NextChatAsync()).Request.Json.GetProperty("messages");
        Assert.Equal("[1 image left out: this model cannot see images]", asked[0].Text("content"));
        Assert.Equal("go on", asked[asked.GetArrayLength() - 1].Text("content"));
    }

    [Fact]
    public async Task Nobody_sends_an_image_that_is_not_theirs_or_not_there()
    {
        await using var chat = await ImageChat.StartAsync();
        var image = await chat.Upload(SampleImages.Png());
        var thief = await chat.Server.RegisterUserAsync(chat.Admin);
        var session = await thief.NewSession(chat.ConnectionId);
        foreach (var id in new[] { image, new string('0', 32) })
        {
            foreach (var path in new[] { "/api/chat/stream", "/api/chat/completion" })
            {
                await (await thief.PostJson(
                    path, new { sessionId = session, content = "mine", clientMessageId = ChatSteps.NewId(), imageIds = new[] { id } }))
                    .ExpectProblem(HttpStatusCode.NotFound, "not_found");
            }
        }

        string[] ids =
            [$"/chat-images/{image}", "http://127.0.0.1:9/x.png", "file:///etc/passwd", "../../app.db", "data:image/png;base64,AAAA"];
        foreach (var id in ids)
        {
            await (await thief.PostJson(
                "/api/chat/stream",
                new { sessionId = session, content = "mine", clientMessageId = ChatSteps.NewId(), imageIds = new[] { id } }))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        Assert.Empty(await thief.Messages(session));
        Assert.Empty(chat.Upstream.Chats());
        Assert.Equal(HttpStatusCode.NotFound, (await thief.GetAsync($"/chat-images/{image}")).StatusCode);
        Assert.Equal(SampleImages.Png(), await chat.Owner.GetByteArrayAsync($"/chat-images/{image}"));

        // Nor is an image taken out of another chat of the same user.
        var (one, two) = (await chat.Owner.NewSession(chat.ConnectionId), await chat.Owner.NewSession(chat.ConnectionId));
        await (await chat.Ask(one, "here", [image])).ReadAllAsync();
        await (await chat.Send(two, "there", [image])).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Single(Images((await chat.Owner.Messages(one))[0]));
    }

    [Fact]
    public async Task An_edited_question_keeps_its_image_and_so_does_the_first_one()
    {
        await using var chat = await ImageChat.StartAsync();
        var image = await chat.Upload(SampleImages.Png());
        var session = await chat.Owner.NewSession(chat.ConnectionId);
        await (await chat.Ask(session, "first", [image])).ReadAllAsync();
        var fresh = await chat.Upload(SampleImages.Gif());
        await (await chat.Owner.PostStream("/api/chat/stream", new
        {
            sessionId = session,
            content = "second",
            clientMessageId = ChatSteps.NewId(),
            parentId = (long?)null,
            imageIds = new[] { image, fresh },
        })).ReadAllAsync();

        var tree = (await chat.Owner.GetJson($"/api/sessions/{session}/messages?tree=true")).GetProperty("items").EnumerateArray()
            .Where(message => message.Text("role") == "user").ToList();
        Assert.Equal([image], Images(tree[0]).Select(item => item.Text("id")));
        var second = Images(tree[1]).ConvertAll(item => item.Text("id")!);
        Assert.Equal((2, fresh), (second.Count, second[1]));
        Assert.NotEqual(image, second[0]);

        // Both rows share a file; it is removed with the last of them.
        await (await chat.Owner.DeleteAsync($"/api/sessions/{session}/messages/{tree[0].Id()}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(SampleImages.Png(), await chat.Owner.GetByteArrayAsync($"/chat-images/{second[0]}"));
        await (await chat.Owner.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        await FileGone.WaitAsync(chat.File(image, ".png"));
        await FileGone.WaitAsync(chat.File(fresh, ".gif"));
    }

    [Theory]
    [InlineData("image")]
    [InlineData("turn")]
    [InlineData("clear")]
    [InlineData("session")]
    [InlineData("user")]
    public async Task An_image_ends_with_what_it_belongs_to_and_its_file_with_it(string what)
    {
        await using var chat = await ImageChat.StartAsync();
        var image = await chat.Upload(SampleImages.Webp());
        var file = chat.File(image, ".webp");
        var session = await chat.Owner.NewSession(chat.ConnectionId);
        await (await chat.Ask(session, "look", [image])).ReadAllAsync();
        Assert.True(File.Exists(file));
        var question = (await chat.Owner.Messages(session))[0].Id();
        var owner = (await chat.Owner.GetJson("/api/auth/me")).GetProperty("user").Id();

        var (client, path) = what switch
        {
            "image" => (chat.Owner, $"/api/images/{image}"),
            "turn" => (chat.Owner, $"/api/sessions/{session}/messages/{question}"),
            "clear" => (chat.Owner, $"/api/sessions/{session}/messages"),
            "session" => (chat.Owner, $"/api/sessions/{session}"),
            _ => (chat.Admin, $"/api/users/{owner}"),
        };
        await (await client.DeleteAsync(path)).Expect(HttpStatusCode.NoContent);

        Assert.Equal(HttpStatusCode.NotFound, (await chat.Owner.GetAsync($"/chat-images/{image}")).StatusCode);
        await FileGone.WaitAsync(file);
    }

    [Fact]
    [Trait("Nodes", "One")] // each server answers under its own address
    public async Task Links_are_absolute_and_signed_once_a_site_address_is_set_and_no_host_header_makes_one()
    {
        await using var chat = await ImageChat.StartAsync();
        var image = await chat.Upload(SampleImages.Png());
        var session = await chat.Owner.NewSession(chat.ConnectionId);
        await (await chat.Ask(session, "look", [image])).ReadAllAsync();
        using var evil = new HttpRequestMessage(HttpMethod.Get, $"/api/sessions/{session}/messages");
        evil.Headers.Host = "evil.example";
        evil.Headers.Add("X-Forwarded-Host", "evil.example");
        var page = await (await chat.Owner.SendAsync(evil)).Json();
        Assert.Equal($"/chat-images/{image}", Images(page.GetProperty("items")[0])[0].Text("url"));
        var shown = await (await chat.Admin.PostJson("/api/settings/images/refresh", new { })).Json();
        Assert.Equal(
            ("request", chat.Server.BaseUri.GetLeftPart(UriPartial.Authority), 1, JsonValueKind.Null),
            (shown.Text("source"), shown.Text("baseUrl"), shown.GetProperty("count").GetInt32(), shown.GetProperty("sampleUrl").ValueKind));

        await (await chat.Admin.PatchJson("/api/settings/system", new { siteBaseUrl = "https://chat.example.org/ai/" }))
            .Expect(HttpStatusCode.OK);
        var url = Images((await chat.Owner.Messages(session))[0])[0].Text("url")!;
        Assert.StartsWith($"https://chat.example.org/ai/chat-images/{image}?exp=", url, StringComparison.Ordinal);
        await (await chat.Admin.Upload(SampleImages.Png())).Expect(HttpStatusCode.Created);
        shown = await (await chat.Admin.PostJson("/api/settings/images/refresh", new { })).Json();
        Assert.Equal(
            ("setting", "https://chat.example.org/ai", 2),
            (shown.Text("source"), shown.Text("baseUrl"), shown.GetProperty("count").GetInt32()));
        Assert.StartsWith("https://chat.example.org/ai/chat-images/", shown.Text("sampleUrl"), StringComparison.Ordinal);
        await (await chat.Admin.PatchJson("/api/settings/system", new { siteBaseUrl = "" })).Expect(HttpStatusCode.OK);

        var link = url[(url.IndexOf("/chat-images", StringComparison.Ordinal))..];
        Assert.Equal(SampleImages.Png(), await chat.Server.Client().GetByteArrayAsync(link));
        var other = await chat.Upload(SampleImages.Png());
        foreach (var forged in new[]
        {
            link[..^1],
            link[..^1] + (link[^1] == 'A' ? 'B' : 'A'),
            link.Replace("exp=", "exp=9", StringComparison.Ordinal),
            link.Replace(image, other, StringComparison.Ordinal),
            link[..link.IndexOf('?', StringComparison.Ordinal)],
            $"/chat-images/{image}?exp=99999999999&sig=",
            $"/chat-images/{image}?exp=-1&sig=x",
            link + "&exp=1",
        })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await chat.Server.Client().GetAsync(forged)).StatusCode);
        }
    }

    private static List<JsonElement> Images(JsonElement message) => [.. message.GetProperty("images").EnumerateArray()];

    private static List<JsonElement> Parts(JsonElement request, int message) =>
        [.. request.GetProperty("messages")[message].GetProperty("content").EnumerateArray()];

    private static string Data(string mime, byte[] bytes) => $"data:{mime};base64,{Convert.ToBase64String(bytes)}";
}
