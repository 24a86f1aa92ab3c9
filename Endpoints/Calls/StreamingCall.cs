using AiChat.Data.Accounts;
using AiChat.Endpoints.Catalog;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// A provider call whose first delta has come: read it with <see cref="MoveNextAsync"/> and <see cref="Take"/>, which completes at
/// once while deltas are waiting. It measures itself for the ledger. Disposing closes the provider's connection. One reader.
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
    private TokenCount _said;
    private bool _opened = true;
    private Task _waiting = Task.CompletedTask;

    private StreamingCall(
        ResolvedModel model, ChatRequest request, IAsyncEnumerator<ChatDelta> deltas, LiveCall live, TokenFactors factors, TimeProvider clock,
        long begun)
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

    /// <summary>Who answers.</summary>
    public ResolvedModel Model { get; }

    /// <summary>How long the first delta took.</summary>
    public long FirstMs => _firstMs;

    public ChatDelta.Usage? Usage { get; private set; }

    /// <summary>Whether the provider did work that counts. An empty answer without usage does not.</summary>
    public bool Counts { get; private set; }

    /// <summary>Why the call was ended under way, when what it was made with was taken away; it counts instead of what reading throws.</summary>
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

    /// <exception cref="ProviderException">The answer broke off; what was taken stays.</exception>
    public ValueTask<bool> MoveNextAsync()
    {
        if (!_opened)
        {
            return _deltas.MoveNextAsync();
        }

        _opened = false;
        return new ValueTask<bool>(true);
    }

    /// <summary>For who does something else while <see cref="MoveNextAsync"/> waits: the call may be disposed before it completes.</summary>
    public Task<bool> Meanwhile(ValueTask<bool> next)
    {
        var waiting = next.AsTask();
        _waiting = waiting;
        return waiting;
    }

    /// <summary>The delta that <see cref="MoveNextAsync"/> moved to; once each.</summary>
    public ChatDelta Take()
    {
        var delta = _deltas.Current;
        switch (delta)
        {
            case ChatDelta.Text text:
                _said.Add(text.Value);
                Counts = true;
                break;
            case ChatDelta.Reasoning reasoning:
                _said.Add(reasoning.Value);
                Counts = true;
                break;
            case ChatDelta.ToolCall call:
                _said.Add(call.ArgumentsFragment);
                Counts = true;
                break;
            case ChatDelta.Usage usage:
                Usage = usage;
                Counts = true;
                break;
        }

        return delta;
    }

    /// <summary>What the call cost, in the provider's words or by estimate. Call it once, after the last delta.</summary>
    /// <param name="place">On whose account and for what.</param>
    /// <param name="status">done, stopped, interrupted or failed.</param>
    public LedgerEntry Entry(CallPlace place, string status)
    {
        var estimated = TokenEstimate.Estimate(_request);
        _factors.Learn(Model, estimated, Usage?.PromptTokens);
        var prompt = Usage?.PromptTokens ?? (int)(estimated * _factors.Find(Model));
        var completion = Usage?.CompletionTokens ?? _said.Tokens;
        var cached = Usage?.CachedTokens ?? 0;
        return new LedgerEntry
        {
            UserId = place.UserId,
            SessionId = place.SessionId,
            MessageId = place.MessageId,
            RunId = place.RunId,
            ApiKeyId = place.ApiKeyId,
            ConnectionId = Model.ConnectionId,
            Model = Model.Model,
            Provider = Model.Provider,
            Status = status,
            PromptTokens = prompt,
            CompletionTokens = completion,
            ReasoningTokens = Usage?.ReasoningTokens ?? 0,
            CachedTokens = cached,
            Source = Usage is { PromptTokens: not null } or { CompletionTokens: not null } ? "provider" : "estimate",
            Price = Model.Price?.ToJson(),
            CostNanos = Model.Price?.CostNanos(prompt, completion, cached) ?? 0,
            FirstTokenMs = _firstMs,
            TotalMs = (long)_clock.GetElapsedTime(_begun).TotalMilliseconds,
        };
    }

    public async ValueTask DisposeAsync()
    {
        if (!_waiting.IsCompleted)
        {
            _live.Cancel(); // an enumerator that moves cannot be disposed
            await _waiting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _deltas.DisposeAsync();
        await SocketThreads.Leave(); // storing and counting follow
        _live.Dispose();
    }
}

/// <summary>On whose account a call is made, and for what.</summary>
internal sealed record CallPlace(long UserId)
{
    public long? SessionId { get; init; }

    public long? MessageId { get; init; }

    public long? RunId { get; init; }

    public long? ApiKeyId { get; init; }

    /// <summary>The entry of a call that failed before its provider said anything.</summary>
    public LedgerEntry Failed(ResolvedModel model) => new()
    {
        UserId = UserId,
        SessionId = SessionId,
        MessageId = MessageId,
        RunId = RunId,
        ApiKeyId = ApiKeyId,
        ConnectionId = model.ConnectionId,
        Model = model.Model,
        Provider = model.Provider,
        Status = "failed",
        Source = "estimate",
    };
}
