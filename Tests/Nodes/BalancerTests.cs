using System.Net;
using AiChat.Tests.Chat;
using Dapper;

namespace AiChat.Tests.Nodes;

/// <summary>The example files of deploy/proxy for several servers. Many streams at once are tried by scripts/torture nodes.</summary>
public sealed class BalancerTests
{
    private const int Streams = 8;

    [PostgresTheory]
    [InlineData("haproxy-nodes.cfg")]
    [InlineData("nginx-nodes.conf")]
    public async Task Behind_a_balancer_nobody_notices_more_of_a_killed_server_than_an_interrupted_answer(string file)
    {
        var goOn = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(goOn.Task);
        await using var nodes = NodeGroup.Empty();
        var trusted = new Dictionary<string, string> { ["TRUSTED_PROXIES"] = "127.0.0.1" };
        await nodes.Add(TestServer.Binary ?? Path.Combine(AppContext.BaseDirectory, "aichat"), variables: trusted);
        await nodes.Add(variables: trusted);
        var admin = await nodes.Admin();
        var connection = await admin.Http.Connect(upstream);
        await Eventually.Holds(async () => (await admin.At(nodes.B).GetJson("/api/catalog/models")).GetRawText().Contains("fake-model"));
        await using var proxy = await ReverseProxy.StartAsync(file, nodes.A.BaseUri, second: nodes.B.BaseUri);
        using var browser = proxy.Client();
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        var sessions = await Task.WhenAll(Enumerable.Range(0, Streams).Select(_ => browser.NewSession(connection)));
        var streams = await Task.WhenAll(sessions.Select(session => browser.Ask(session, "go")));
        var ids = await Task.WhenAll(streams.Select(async one => (await one.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId()));
        using var store = PostgresServer.Connect(nodes.Database);
        await Eventually.Holds(() => store.ExecuteScalar<long>("select count(*) from run_chunks where value = 'before '") == Streams);

        await nodes.A.KillAsync();
        var again = await Task.WhenAll(ids.Select(id => browser.GetStream($"/api/chat/stream/{id}")));
        foreach (var stream in again)
        {
            var begun = await stream.ReadUntilAsync(e => e.Event == "delta");
            Assert.Equal("before ", begun[^1].Json.Text("text"));
        }

        goOn.SetResult();
        var states = await Task.WhenAll(again.Select(async stream => (await stream.ReadAllAsync())[^1].Json.Text("status")));

        var answers = await Task.WhenAll(sessions.Select(async session => (await browser.Messages(session))[^1]));
        Assert.Equal(states, answers.Select(answer => answer.Text("status")));
        Assert.All(answers, answer => Assert.Equal(
            answer.Text("status") == "done" ? "before after" : "before ", answer.Text("content")));
        Assert.Contains("interrupted", states);
        Assert.Contains("done", states);
        foreach (var stream in streams.Concat(again))
        {
            await stream.DisposeAsync();
        }
    }
}
