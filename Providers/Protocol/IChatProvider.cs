using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// One upstream wire protocol. Implementations are stateless and safe to share between runs: everything a call needs
/// (address, key, model, turns, limits) arrives in its arguments.
/// </summary>
internal interface IChatProvider
{
    /// <summary>Stable name as stored on a connection: <c>openai</c>, <c>azure_openai</c>, <c>anthropic</c> and so on.</summary>
    string Kind { get; }

    /// <summary>
    /// Sends the request once and yields the deltas of the answer, in order. Nothing is sent before the first
    /// <c>MoveNextAsync</c>; there is no retry here, the caller decides (see <see cref="ProviderException.IsTransient"/>).
    /// <para>A stream that returns normally has yielded exactly one <see cref="ChatDelta.End"/>, as its last element, and
    /// at most one <see cref="ChatDelta.Usage"/> and one <see cref="ChatDelta.State"/>, both directly before it.
    /// Anything else is a <see cref="ProviderException"/>, also after some deltas: what was yielded stays valid.</para>
    /// <para><c>MoveNextAsync</c> completes synchronously while bytes are buffered, so a caller may gather deltas until it
    /// would have to wait. Disposing the enumerator or cancelling closes the provider's connection; cancelling through
    /// <paramref name="cancel"/> throws <see cref="OperationCanceledException"/>, a timeout of
    /// <see cref="ChatRequest.Timeouts"/> throws <see cref="ProviderException"/>.</para>
    /// </summary>
    IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel);

    /// <summary>
    /// The models this endpoint offers, at most <see cref="ProviderModel.MaxCount"/>, in the provider's order.
    /// Also the way to verify a connection: it throws <see cref="ProviderException"/> with the reason when it cannot answer.
    /// </summary>
    Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel);
}
