using System.Runtime.CompilerServices;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Demo;

/// <summary>
/// Answers without network, key or cost, so that the first message of a new installation streams. Deterministic: the same
/// request gives the same deltas, about 60 a second.
/// <para>Words at the start of a message steer it, each followed by a space, in this order: <c>/fast</c> sends without pauses,
/// <c>/long N</c> answers with N pieces, <c>/fail</c> fails after ten pieces, <c>/tool</c> calls the first tool offered with
/// <c>{"query": rest of the message}</c>.</para>
/// </summary>
internal sealed class DemoProvider(TimeProvider time) : IChatProvider
{
    public const string ChatModel = "demo";
    public const string ReasoningModel = "demo-reasoner";
    private const int MaxLong = 200_000;
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1) / 60;

    public string Kind => "demo";

    public Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<ProviderModel>>(
        [
            Model(ChatModel, "Demo", reasoning: false),
            Model(ReasoningModel, "Demo Reasoner", reasoning: true),
        ]);

    public async IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (request.Model is not (ChatModel or ReasoningModel))
        {
            throw new ProviderException(ProviderFailure.ModelNotFound, "The demo provider has the models demo and demo-reasoner.");
        }

        var script = DemoScript.Find(request = request.Without(Refused.None));
        var reasoning = script.Reasoning.ToList();
        var sent = 0;
        foreach (var piece in reasoning)
        {
            await PaceAsync(script, cancel);
            yield return new ChatDelta.Reasoning(piece);
        }

        var limit = request.Sampling.MaxOutputTokens ?? int.MaxValue;
        foreach (var piece in script.Text.Take(Math.Min(limit, MaxLong)))
        {
            await PaceAsync(script, cancel);
            if (script.FailsAfter == sent)
            {
                throw new ProviderException(ProviderFailure.ServerError, "The demo provider failed, as asked.");
            }

            sent++;
            yield return new ChatDelta.Text(piece);
        }

        if (script.ToolArguments is { } arguments)
        {
            yield return new ChatDelta.ToolCall(0, $"demo_call_{request.Turns.Count}", request.Tools[0].Name, arguments);
        }

        var thoughts = reasoning.Count > 0 ? reasoning.Count : (int?)null;
        yield return new ChatDelta.Usage(DemoScript.CountTokens(request), reasoning.Count + sent, thoughts);
        yield return script.ToolArguments is not null ? new ChatDelta.End(FinishReason.ToolCalls, "tool_calls")
            : sent == limit ? new ChatDelta.End(FinishReason.Length, "length") : new ChatDelta.End(FinishReason.Stop, "stop");
    }

    private static ProviderModel Model(string id, string name, bool reasoning) => new(id)
    {
        Name = name,
        ContextLimit = 128_000,
        MaxOutputTokens = 8_192,
        Vision = true,
        Tools = true,
        Reasoning = reasoning,
        Chat = true,
    };

    private Task PaceAsync(DemoScript script, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        return script.Fast ? Task.CompletedTask : Task.Delay(Pace, time, cancel);
    }
}
