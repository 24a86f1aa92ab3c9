namespace AiChat.Providers.Transport;

/// <summary>
/// The address and the credential of a call. <see cref="BaseUrl"/> must have passed <see cref="ProviderUrl.Parse"/>; the key goes to that
/// origin and to no other. The record's text form never shows the key or header values.
/// </summary>
internal sealed record ProviderEndpoint
{
    /// <summary>Names the connection pool: two connections never share sockets, so their network rules cannot mix.</summary>
    public required long ConnectionId { get; init; }

    /// <summary>The revision of the stored connection that this was made from.</summary>
    public long Revision { get; init; }

    /// <summary>The provider's stable name, as stored on a connection.</summary>
    public required string Provider { get; init; }

    public required Uri BaseUrl { get; init; }
    public ProviderAuth Auth { get; init; } = ProviderAuth.Bearer;

    /// <summary>
    /// The key in clear, for the length of the call. With <see cref="ProviderAuth.Entra"/> an access token, or
    /// <c>tenantId:clientId:clientSecret</c>, which is exchanged for one.
    /// </summary>
    public string? ApiKey { get; init; }

    /// <summary>Extra request headers; each must have passed <see cref="ProviderHeaders.Validate"/>.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Azure's dated <c>api-version</c>; null or <c>v1</c> means the undated v1 API.</summary>
    public string? AzureApiVersion { get; init; }

    /// <summary>Which address groups this connection may reach. Link-local, metadata, multicast and the like are never allowed.</summary>
    public NetworkScope Scope { get; init; } = NetworkScope.External;

    /// <summary>Which proxy a call goes through, by its target.</summary>
    public ProxyRoute Proxies { get; init; } = ProxyRoute.Direct;

    /// <summary>Certificate authorities (PEM) to trust instead of the system's; null = the system's.</summary>
    public string? CaPem { get; init; }

    public override string ToString() => $"{Provider} connection {ConnectionId} at {BaseUrl}";
}

/// <summary>How the key is sent. Providers with their own key header (Anthropic, Google) use it for Bearer too.</summary>
internal enum ProviderAuth
{
    Bearer,
    ApiKey,
    None,
    Entra,
}

[Flags]
internal enum NetworkScope
{
    None = 0,

    /// <summary>Public addresses.</summary>
    External = 1,

    /// <summary>127.0.0.0/8 and ::1: a provider on this machine.</summary>
    Loopback = 2,

    /// <summary>RFC 1918, unique local IPv6, 100.64.0.0/10.</summary>
    Private = 4,
}
