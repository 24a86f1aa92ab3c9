using System.Net;
using AiChat.Endpoints.Chat;
using AiChat.Endpoints.Runs;

namespace AiChat.Tests.Chat;

/// <summary>Titles by a model are made in the background, do not replace a user's title and do not delay the answer.</summary>
public sealed class TitleTests
{
    [Fact]
    public async Task The_title_model_names_a_chat_while_the_answer_is_written()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(
            exchange => IsTitle(exchange)
                ? OpenAiScript.Stream(exchange, "“Trip to", " 北京.”\nmore")
                : StreamHeld(exchange, release.Task));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await Prepare(admin, upstream);
        await using var stream = await admin.Ask(session, "I want to travel to Beijing in May, what should I know");

        await Eventually.Holds(async () => (await admin.GetJson($"/api/sessions/{session}")).Text("title") == "Trip to 北京");
        release.SetResult();
        var events = await stream.ReadAllAsync();

        Assert.Equal(
            ["I want to travel to Beijing in May, what should I know", "Trip to 北京"],
            events.Where(e => e.Event == "title").Select(e => e.Json.Text("title")));
        Assert.Equal("done", events[^1].Event);
        var asked = upstream.Chats().Single(IsTitle).Request.Json;
        Assert.DoesNotContain("tools", asked.EnumerateObject().Select(member => member.Name));
        await admin.AskAndWait(session, "second question");
        Assert.Single(upstream.Chats(), IsTitle); // only the first message names a chat
    }

    [Fact]
    public async Task A_persons_title_stays_and_a_title_model_that_fails_changes_nothing()
    {
        var answerTitle = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            if (!IsTitle(exchange))
            {
                await OpenAiScript.Stream(exchange, "answer");
            }
            else if (exchange.Request.Text.Contains("fails"))
            {
                await exchange.Reply(400, """{"error":{"message":"no"}}""");
                answerTitle.TrySetResult();
            }
            else
            {
                await answerTitle.Task;
                await OpenAiScript.Stream(exchange, "The model's");
            }
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var named = await Prepare(admin, upstream);
        await admin.AskAndWait(named, "first words");
        await (await admin.PatchJson($"/api/sessions/{named}", new { title = "My own" })).Expect(HttpStatusCode.OK);
        var failing = await admin.NewSession(await ConnectionId(admin), "fake-model");
        await admin.AskAndWait(failing, "this fails");
        var last = await admin.NewSession(await ConnectionId(admin), "fake-model");
        await admin.AskAndWait(last, "third chat");

        await Eventually.Holds(async () => (await admin.GetJson($"/api/sessions/{last}")).Text("title") == "The model's");
        Assert.Equal("My own", (await admin.GetJson($"/api/sessions/{named}")).Text("title"));
        Assert.Equal("this fails", (await admin.GetJson($"/api/sessions/{failing}")).Text("title"));
    }

    [Theory]
    [InlineData("**第一** 个问题", "第一 个问题")]
    [InlineData("## Plan\nmore", "Plan")]
    [InlineData("- [ ] buy milk", "buy milk")]
    [InlineData("> quoted", "quoted")]
    [InlineData("Use **`git rebase`** please", "Use git rebase please")]
    [InlineData("```python\nprint(1)\n```", "print(1)")]
    [InlineData("See [the docs](https://example.org/a) and ![a cat](x.png)", "See the docs and a cat")]
    [InlineData("what is 2**10", "what is 2**10")]
    [InlineData("array[0](x", "array[0](x")]
    [InlineData("\n\n  second line  \n", "second line")]
    [InlineData("###", null)]
    public void A_title_from_a_question_leaves_its_Markdown_out(string question, string? title) =>
        Assert.Equal(title, RunRequests.Title(question));

    /// <summary>
    /// How models give titles. JSON: langgenius/dify 1077; quotes: recoupable/app 1244; thoughts: open-webui/open-webui 9030,
    /// danny-avila/LibreChat 7154, Jeffser/Alpaca 522; fences, labels and a sentence before: small local models.
    /// </summary>
    [Theory]
    [InlineData("{\"title\": \"Trip to Oslo\"}")]
    [InlineData("```json\n{\n  \"title\": \"Trip to Oslo\"\n}\n```")]
    [InlineData("Here you are: {\"name\": \"Trip to Oslo\"}")]
    [InlineData("```Trip to Oslo```")]
    [InlineData("```markdown\n# Trip to Oslo\n```")]
    [InlineData("**Title:** Trip to Oslo")]
    [InlineData("Title: \"Trip to Oslo\".")]
    [InlineData("Title:\nTrip to Oslo")]
    [InlineData("<title>Trip to Oslo</title>")]
    [InlineData("Sure! Here's a title for the conversation:\n\n**Trip to Oslo**")]
    [InlineData("A good title: “Trip to Oslo”")]
    [InlineData("标题：《Trip to Oslo》")]
    [InlineData("好的，以下是标题：\nTrip to Oslo")]
    [InlineData("1. Trip to Oslo\n2. Norway in May")]
    [InlineData("- **Trip** to *Oslo*")]
    [InlineData("[Trip to Oslo](https://example.org)")]
    [InlineData("'Trip to Oslo'\\n")]
    [InlineData("Trip &#116;o Oslo。")]
    public void A_models_title_leaves_out_what_is_around_it(string answer) => Assert.Equal("Trip to Oslo", ModelTitle.Of(answer));

    [Theory]
    [InlineData("Learning C#")]
    [InlineData(".NET basics")]
    [InlineData("What is \"love\"")]
    [InlineData("\"Foundation\" and \"Empire\"")]
    [InlineData("《红楼梦》读后感")]
    [InlineData("Rock 'n' Roll in the '60s")]
    [InlineData("Why __init__")]
    [InlineData("3.5 million reasons")]
    [InlineData("Life in the U.S.")]
    [InlineData("Use of {braces}")]
    [InlineData("C++: what is new")]
    [InlineData("2*3*4 and more")]
    public void A_models_title_keeps_its_own_signs(string title) => Assert.Equal(title, ModelTitle.Of(title));

    private static bool IsTitle(FakeExchange exchange) => exchange.Request.Text.Contains("\"title-model\"");

    private static async Task StreamHeld(FakeExchange exchange, Task release)
    {
        await exchange.StartSse();
        await OpenAiScript.Piece(exchange, "begun");
        await release;
        await OpenAiScript.Finish(exchange, 1);
    }

    private static async Task<long> Prepare(HttpClient admin, FakeUpstream upstream)
    {
        var connection = await admin.Connect(upstream, "fake-model", "title-model");
        await (await admin.PatchJson("/api/settings/system", new { titleModel = "title-model", requestsPerMinute = 0 }))
            .Expect(HttpStatusCode.OK);
        return await admin.NewSession(connection, "fake-model");
    }

    private static async Task<long> ConnectionId(HttpClient admin) =>
        (await admin.GetJson("/api/connections")).GetProperty("items").EnumerateArray().Single(item => item.Text("name") == "Fake").Id();
}
