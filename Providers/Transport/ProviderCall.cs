namespace AiChat.Providers.Transport;

/// <summary>One outbound request. It must go to the endpoint's own origin.</summary>
internal sealed record ProviderCall(ProviderEndpoint Endpoint, Uri Url)
{
    /// <summary>The body; of a call without a method it makes a POST, and none a GET.</summary>
    public ProviderBody? Body { get; init; }

    /// <summary>The method, where it is neither GET nor POST by the rule above.</summary>
    public string? Method { get; init; }

    /// <summary>Every reply is returned, whatever its status: the caller reads failures itself.</summary>
    public bool TakesAnyStatus { get; init; }

    public string MediaType { get; init; } = "application/json";

    /// <summary>
    /// The header that carries the key, and other headers the protocol asks for. The endpoint's own headers replace those of the same name.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public ChatTimeouts Timeouts { get; init; } = ChatTimeouts.Default;

    /// <summary>
    /// Longest line of a reply: a picture of 22 MB in base64, or a whole answer in one event.
    /// </summary>
    public const int MaxLine = 30 * 1024 * 1024;

    /// <summary>
    /// As long as nearly all long lines are. A little less than a power of two, so that the buffer for it is not rounded up to twice its
    /// size.
    /// </summary>
    public const int UsualLine = (8 * 1024 * 1024) - (128 * 1024);
}
