using AiChat.Data.Accounts;
using AiChat.Endpoints.Catalog;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// A provider call whose first delta has arrived. Read it with <see cref="MoveNextAsync"/>, which completes synchronously while deltas are
/// buffered, and <see cref="Take"/>. It measures itself for the ledger. Disposing it closes the provider's connection. One reader.
/// </summary>
internal sealed class StreamingCall : IAsyncDisposable
{
    private readonly ChatRequest _request;
    private readonly IAsyncEnumerator<ChatDelta> _deltas;
    private readonly LiveCall _live;
    private readonly TokenFactors _factors;
    private readonly TimeProvider _clock;
    private readonly long _begun;
    private readonly long _firstMs;
    private TokenCount _received;
    private bool _firstUnread = true;
    private Task _waiting = Task.CompletedTask;

    private StreamingCall(
        ResolvedModel model, ChatRequest request, IAsyncEnumerator<ChatDelta> deltas, LiveCall live, TokenFactors factors,
        TimeProvider clock, long begun)
    {
        Model = model;
        _request = request;
        _deltas = deltas;
        _live = live;
        _factors = factors;
        _clock = clock;
        _begun = begun;
        _firstMs = (long)clock.GetElapsedTime(begun).TotalMilliseconds;
    }

    /// <summary>The model that answers.</summary>
    public ResolvedModel Model { get; }

    /// <summary>Milliseconds until the first delta.</summary>
    public long FirstMs => _firstMs;

    public ChatDelta.Usage? Usage { get; private set; }

    /// <summary>Whether the call goes into the ledger. An empty answer without usage does not.</summary>
    public bool Counts { get; private set; }

    /// <summary>Why the call was cut, because something it needs was taken away. Report it instead of the cancellation.</summary>
    public ProviderException? CutBy => _live.CutBy;

    /// <summary>Sends the request and waits for the first delta.</summary>
    public static async Task<StreamingCall> Begin(
        IChatProvider provider, ResolvedModel model, ChatRequest request, TokenFactors factors, TimeProvider clock, LiveCall live)
    {
        var begun = clock.GetTimestamp();
        IAsyncEnumerator<ChatDelta>? deltas = null;
        try
        {
            deltas = provider.StreamAsync(request, live.Token).GetAsyncEnumerator(live.Token);
            return await deltas.MoveNextAsync()
                ? new StreamingCall(model, request, deltas, live, factors, clock, begun)
                : throw new ProviderException(ProviderFailure.Protocol, "The reply ended before it began.") { HasAnswered = true };
        }
        catch (Exception exception)
        {
            await (deltas?.DisposeAsync() ?? default);
            await SocketThreads.Leave();
            live.Dispose();
            throw exception is OperationCanceledException && live.CutBy is { } reason ? reason : exception;
        }
    }

    /// <exception cref="ProviderException">The answer broke off; the deltas taken so far remain valid.</exception>
    public ValueTask<bool> MoveNextAsync()
    {
        if (!_firstUnread)
        {
            return _deltas.MoveNextAsync();
        }

        _firstUnread = false;
        return new ValueTask<bool>(true);
    }

    /// <summary>Tracks a waiting <see cref="MoveNextAsync"/>, so that the call may be disposed before it completes.</summary>
    public Task<bool> Meanwhile(ValueTask<bool> next)
    {
        var waiting = next.AsTask();
        _waiting = waiting;
        return waiting;
    }

    /// <summary>The delta that <see cref="MoveNextAsync"/> moved to. Call it once for each.</summary>
    public ChatDelta Take()
    {
        var delta = _deltas.Current;
        switch (delta)
        {
            case ChatDelta.Text text:
                _received.Add(text.Value);
                Counts = true;
                break;
            case ChatDelta.Reasoning reasoning:
                _received.Add(reasoning.Value);
                Counts = true;
                break;
            case ChatDelta.ToolCall call:
                _received.Add(call.ArgumentsFragment);
                Counts = true;
                break;
            case ChatDelta.Usage usage:
                Usage = usage;
                Counts = true;
                break;
            case ChatDelta.Image or ChatDelta.Frame { Speaks: true }:
                Counts = true;
                break;
        }

        return delta;
    }

    /// <summary>The ledger entry, with the usage that the provider reported or an estimate. Call it once, after the last delta.</summary>
    /// <param name="place">The account and the purpose.</param>
    /// <param name="status">done, stopped, interrupted or failed.</param>
    public LedgerEntry Entry(CallPlace place, string status)
    {
        var estimated = TokenEstimate.Estimate(_request);
        _factors.Learn(Model, estimated, Usage?.PromptTokens);
        var prompt = Usage?.PromptTokens ?? (int)(estimated * _factors.Find(Model));
        var completion = Usage?.CompletionTokens ?? _received.Tokens;
        var cached = Usage?.CachedTokens ?? 0;
        var cost = Model.Price?.CostNanos(prompt, completion, cached, Usage?.CacheWriteTokens ?? 0, Usage?.LongCacheWriteTokens ?? 0) ?? 0;
        var entry = place.Entry(Model, status);
        entry.PromptTokens = prompt;
        entry.CompletionTokens = completion;
        entry.ReasoningTokens = Usage?.ReasoningTokens ?? 0;
        entry.CachedTokens = cached;
        entry.Source = Usage is { PromptTokens: not null } or { CompletionTokens: not null } ? "provider" : "estimate";
        entry.Price = Model.Price?.ToJson();
        entry.CostNanos = cost;
        entry.SavedNanos = Model.Price?.SavedNanos(prompt, completion, cost) ?? 0;
        entry.FirstTokenMs = _firstMs;
        entry.TotalMs = (long)_clock.GetElapsedTime(_begun).TotalMilliseconds;
        return entry;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_waiting.IsCompleted)
        {
            _live.Cancel(); // an enumerator cannot be disposed while it moves
            await _waiting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _deltas.DisposeAsync();
        await SocketThreads.Leave(); // storing and counting follow, which must not block a socket thread
        _live.Dispose();
    }
}
