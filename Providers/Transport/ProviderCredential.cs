namespace AiChat.Providers.Transport;

/// <summary>The header that carries the key, in the two common forms.</summary>
internal static class ProviderCredential
{
    public static IReadOnlyList<KeyValuePair<string, string>> Headers(
        ProviderEndpoint endpoint, string keyHeader = "api-key") => endpoint.Auth switch
        {
            ProviderAuth.None => [],
            ProviderAuth.Bearer => Bearer(endpoint.ApiKey),
            ProviderAuth.ApiKey => Named(keyHeader, endpoint.ApiKey),
            ProviderAuth.Entra => throw new ProviderException(ProviderFailure.BadRequest, "Entra sign-in is for Azure connections only."),
        };

    public static IReadOnlyList<KeyValuePair<string, string>> Bearer(string? key) =>
        string.IsNullOrEmpty(key) ? [] : [new("Authorization", $"Bearer {key}")];

    public static IReadOnlyList<KeyValuePair<string, string>> Named(string header, string? key) =>
        string.IsNullOrEmpty(key) ? [] : [new(header, key)];
}
