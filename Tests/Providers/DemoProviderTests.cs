using AiChat.Providers.Demo;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Providers;

public sealed class DemoProviderTests
{
    private static readonly ProviderEndpoint Endpoint = Endpoints.Local("demo", "http://demo.invalid", null);

    [Fact]
    public async Task Answer_is_markdown_with_the_message_in_it()
    {
        var deltas = await CollectAsync("demo", "/fast What is 2 + 2?");

        var text = string.Concat(deltas.OfType<ChatDelta.Text>().Select(delta => delta.Value));
        Assert.Contains("> What is 2 + 2?", text);
        Assert.All(["## ", "1. ", "```python", "| Language", "$$"], part => Assert.Contains(part, text));
        Assert.Empty(deltas.OfType<ChatDelta.Reasoning>());
        Assert.IsType<ChatDelta.End>(deltas[^1]);
        Assert.True(deltas.OfType<ChatDelta.Usage>().Single() is { PromptTokens: > 0, CompletionTokens: > 100 });
        Assert.Equal(deltas, await CollectAsync("demo", "/fast What is 2 + 2?"));
    }

    [Fact]
    public async Task Reasoner_thinks_first_unless_told_not_to()
    {
        var deltas = await CollectAsync("demo-reasoner", "/fast 你好");

        Assert.IsType<ChatDelta.Reasoning>(deltas[0]);
        Assert.Contains("演示回答", string.Concat(deltas.OfType<ChatDelta.Text>().Select(delta => delta.Value)));
    }

    [Fact]
    public async Task Message_can_ask_for_length_failure_and_tools()
    {
        Assert.Equal(50, (await CollectAsync("demo", "/fast /long 50")).OfType<ChatDelta.Text>().Count());
        await Assert.ThrowsAsync<ProviderException>(() => CollectAsync("demo", "/fast /fail"));
        var call = (await CollectAsync("demo", "/fast /tool cats \"and\" dogs")).OfType<ChatDelta.ToolCall>().Single();
        Assert.Equal(("web_search", """{"query":"cats \"and\" dogs"}"""), (call.Name, call.ArgumentsFragment));
    }

    [Fact]
    public async Task Output_limit_is_kept()
    {
        var deltas = await CollectAsync("demo", "/fast hi", new ChatSampling { MaxOutputTokens = 5 });

        Assert.Equal(5, deltas.OfType<ChatDelta.Text>().Count());
        Assert.Equal(new ChatDelta.End(FinishReason.Length, "length"), deltas[^1]);
    }

    [Fact]
    public async Task Pace_follows_the_clock_and_stops_when_cancelled()
    {
        var time = new FakeTimeProvider();
        using var stop = new CancellationTokenSource();
        var request = Request("demo", "hi", ChatSampling.Unset);
        await using var deltas = new DemoProvider(time).StreamAsync(request, stop.Token).GetAsyncEnumerator();

        var next = deltas.MoveNextAsync();
        Assert.False(next.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(17));
        Assert.True(await next);
        var last = deltas.MoveNextAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await last);
    }

    private static async Task<List<ChatDelta>> CollectAsync(string model, string prompt, ChatSampling? sampling = null)
    {
        var deltas = new List<ChatDelta>();
        var request = Request(model, prompt, sampling ?? ChatSampling.Unset);
        await foreach (var delta in new DemoProvider(TimeProvider.System).StreamAsync(request, CancellationToken.None))
        {
            deltas.Add(delta);
        }

        return deltas;
    }

    private static ChatRequest Request(string model, string prompt, ChatSampling sampling) => new()
    {
        Endpoint = Endpoint,
        Model = model,
        Turns = [new ChatTurn(ChatRole.User, prompt)],
        Sampling = sampling,
        Tools = [new ChatTool("web_search", "", "{}")],
    };
}
