namespace AiChat.Providers.Transport;

/// <summary>One outbound request. It must go to the endpoint's own origin.</summary>
internal sealed record ProviderCall(ProviderEndpoint Endpoint, Uri Url)
{
    /// <summary>The JSON body of a POST; null makes it a GET.</summary>
    public ProviderBody? Body { get; init; }

    public string MediaType { get; init; } = "application/json";

    /// <summary>
    /// The header that carries the key, and other headers the protocol asks for. The endpoint's own headers replace those of the same name.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public ChatTimeouts Timeouts { get; init; } = ChatTimeouts.Default;

    public int MaxLine { get; init; } = DefaultLine;

    public const int DefaultLine = 256 * 1024;
}
