using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// A provider that has endpoints of OpenAI's API beside the chat, in that API's own words, so that requests and replies pass through.
/// Stateless and safe to share, as <see cref="IChatProvider"/>.
/// </summary>
internal interface IRelayProvider
{
    /// <summary>Whether the provider has the endpoint. Which models it takes there is its own to judge.</summary>
    /// <param name="path">The path below the version, such as <c>audio/speech</c>.</param>
    bool Relays(string path);

    /// <summary>Sends the request and returns the 2xx reply; anything else is a <see cref="ProviderException"/>.</summary>
    Task<ProviderReply> SendAsync(RelayRequest request, CancellationToken cancel);
}

/// <summary>A request to pass through.</summary>
/// <param name="Path">The path below the version.</param>
/// <param name="Model">The provider's id of the model, which some providers want in the address.</param>
internal sealed record RelayRequest(
    ProviderEndpoint Endpoint, string Path, string Model, ProviderBody Body, string MediaType, ChatTimeouts Timeouts)
{
    public Task<ProviderReply> SendAsync(
        ProviderHttp http, Uri url, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancel) =>
        http.SendAsync(
            new ProviderCall(Endpoint, url) { Body = Body, MediaType = MediaType, Headers = headers, Timeouts = Timeouts }, cancel);
}
