namespace AiChat.Providers.Protocol;

/// <summary>A provider that counts the tokens of a request without answering it. Stateless, as <see cref="IChatProvider"/>.</summary>
internal interface ITokenCounter
{
    /// <summary>Counts for a client of the provider's own protocol.</summary>
    /// <returns>The reply as it came, a JSON object; null when this server of the protocol does not count.</returns>
    /// <exception cref="Transport.ProviderException">The request was refused, or the call failed.</exception>
    Task<ReadOnlyMemory<byte>?> CountAsync(ChatRequest request, CancellationToken cancel);
}
