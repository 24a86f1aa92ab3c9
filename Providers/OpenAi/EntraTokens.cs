using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Access tokens for Azure from Microsoft Entra, by the OAuth 2.0 client credentials grant (Microsoft identity platform docs). They are
/// cached until shortly before they expire, and sent only to Azure's own hosts.
/// </summary>
internal sealed partial class EntraTokens(ProviderHttp http)
{
    private const int MaxCached = 1_000;
    private const int MaxReply = 64 * 1024;
    private static readonly string[] AzureDomains =
    [
        ".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".azure-api.net",
        ".openai.azure.us", ".cognitiveservices.azure.us", ".openai.azure.cn", ".cognitiveservices.azure.cn",
    ];

    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset Until)> _cached = new(StringComparer.Ordinal);

    public Uri Authority { get; init; } = new("https://login.microsoftonline.com");

    /// <summary>Whether a token may be sent to this host. Checked when a connection is saved and again when it is used.</summary>
    public static bool IsAllowed(Uri baseUrl) =>
        Array.Exists(AzureDomains, domain => baseUrl.IdnHost.EndsWith(domain, StringComparison.OrdinalIgnoreCase));

    /// <summary>The endpoint's key when it is already a token, else a token requested with its <c>tenant:client:secret</c>.</summary>
    public async Task<string> GetAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        if (!IsAllowed(endpoint.BaseUrl))
        {
            throw new ProviderException(ProviderFailure.Blocked, "Entra tokens are sent to Azure's own hosts only.");
        }

        var parts = (endpoint.ApiKey ?? "").Split(':', 3);
        if (parts.Length < 3)
        {
            return endpoint.ApiKey is { Length: > 0 } token
                ? token
                : throw new ProviderException(ProviderFailure.Unauthorized, "The connection has no Entra credential.");
        }

        if (_cached.TryGetValue(endpoint.ApiKey!, out var cached) && cached.Until > http.Time.GetUtcNow())
        {
            return cached.Token;
        }

        return await RequestAsync(endpoint, parts[0], parts[1], parts[2], cancel);
    }

    private async Task<string> RequestAsync(
        ProviderEndpoint endpoint, string tenant, string client, string secret, CancellationToken cancel)
    {
        if (!Identifier().IsMatch(tenant) || !Identifier().IsMatch(client))
        {
            throw new ProviderException(ProviderFailure.Unauthorized, "The Entra credential must be tenant:client:secret.");
        }

        // The authority has its own connection pool, because its addresses are unrelated to those of the connection.
        var authority = endpoint with
        {
            ConnectionId = -1 - endpoint.ConnectionId,
            BaseUrl = Authority,
            Headers = [],
            Scope = endpoint.Scope | NetworkScope.External,
        };
        var form = $"grant_type=client_credentials&client_id={Uri.EscapeDataString(client)}&client_secret={Uri.EscapeDataString(secret)}"
            + "&scope=" + Uri.EscapeDataString("https://cognitiveservices.azure.com/.default");
        var call = new ProviderCall(authority, ProviderUrl.Combine(Authority, tenant + "/oauth2/v2.0/token"))
        {
            Body = Encoding.ASCII.GetBytes(form),
            MediaType = "application/x-www-form-urlencoded",
        };
        using var document = await ProviderModels.GetAsync(http, call, cancel, MaxReply);
        var token = document.RootElement.Text("access_token")
            ?? throw new ProviderException(ProviderFailure.Unauthorized, "Entra gave no access token.");
        var seconds = Math.Max(0, (document.RootElement.Number("expires_in") ?? 0) - 120);
        if (_cached.Count >= MaxCached)
        {
            _cached.Clear();
        }

        _cached[endpoint.ApiKey!] = (token, http.Time.GetUtcNow().AddSeconds(seconds));
        return token;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9.\-]{1,128}\z")]
    private static partial Regex Identifier();
}
