using AiChat.Tests.Chat;
using Dapper;

namespace AiChat.Tests.Nodes;

/// <summary>NODE_URL as people set it: the same for all, the name of a balancer, a port where nothing or another server listens.</summary>
public sealed class NodeAddressTests
{
    private static readonly string Child = TestServer.Binary ?? Path.Combine(AppContext.BaseDirectory, "aichat");

    [PostgresTheory]
    [InlineData("same", "another server gives the same")]
    [InlineData("nobody", "nothing listens for this server, or another one answers")]
    [InlineData("another", "nothing listens for this server, or another one answers")]
    public async Task A_wrong_address_ends_no_answer_and_is_told(string kind, string told)
    {
        var goOn = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(goOn.Task);
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(reached: false);
        var admin = await nodes.Admin();
        var wrong = kind == "another" ? nodes.A.BaseUri.ToString().TrimEnd('/') : $"http://127.0.0.1:{TestPorts.Free()}";
        var given = new Dictionary<string, string> { ["NODE_URL"] = wrong };
        var writer = await nodes.Add(reached: false, variables: given);
        var connection = await admin.At(writer).Connect(upstream);
        var session = await admin.At(writer).NewSession(connection);
        await using var stream = await admin.At(writer).Ask(session, "go");
        var messageId = (await stream.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();
        using var store = PostgresServer.Connect(nodes.Database);
        await Eventually.Holds(() => store.ExecuteScalar<long>("select count(*) from run_chunks where value = 'before '") == 1);

        var other = await nodes.Add(Child, reached: kind != "same", variables: kind == "same" ? given : null);
        await using var follower = await admin.At(other).GetStream($"/api/chat/stream/{messageId}");
        var followed = await follower.ReadUntilAsync(e => e.Event == "delta");
        await Eventually.Holds(() => other.Output.Contains($"is to be reached at {wrong} (its NODE_URL), but {told}"));
        goOn.SetResult();

        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        followed.AddRange(await follower.ReadAllAsync());
        Assert.Equal("done", followed[^1].Json.Text("status"));
        Assert.Equal("before after", string.Concat(followed.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal("before after", (await admin.At(other).Messages(session))[^1].Text("content"));
    }
}
