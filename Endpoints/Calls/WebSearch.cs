using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Search;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Searches the web with the engine that the administrator chose. The pages that it finds are never fetched. Safe for parallel use.
/// </summary>
internal sealed class WebSearch(SearchEngines engines, SystemSettings settings, Outbound outbound)
{
    public const int MaxQuery = 400;

    /// <summary>Characters of all hits of one search together.</summary>
    public const int MaxText = 48 * 1024;

    // One pool for each set of network rules, apart from those of connections, whose ids are positive, and of drafts.
    private const long Pool = -1_000;

    /// <summary>Web search is enabled and its settings are complete.</summary>
    public bool IsReady => settings.WebSearchEnabled && Missing is null;

    /// <summary>In English, the setting that is missing; null when the settings are complete.</summary>
    public string? Missing
    {
        get
        {
            var engine = engines.Get(settings.WebSearchEngine);
            return NeedsAddress(engine) ? "This engine needs the address of your own server."
                : engine.NeedsKey && settings.WebSearchApiKey is null ? "This engine needs a key." : null;
        }
    }

    /// <summary>The hits, cleaned; at most as many as the administrator allows.</summary>
    /// <exception cref="ProviderException">The engine could not be reached or failed.</exception>
    public async Task<IReadOnlyList<SearchHit>> Search(string query, int maxText, CancellationToken cancel)
    {
        var domains = settings.WebSearchDomainFilter;
        var asked = new SearchQuery(Endpoint(), query, settings.WebSearchResultLimit, domains);
        var hits = await engines.Get(settings.WebSearchEngine).SearchAsync(asked, cancel);
        return SearchHits.Clean(hits, settings.WebSearchResultLimit, domains, Math.Min(maxText, MaxText));
    }

    /// <summary>What is asked, by the settings.</summary>
    /// <exception cref="ProviderException">The settings are not complete, or name an address that is not allowed.</exception>
    public ProviderEndpoint Endpoint()
    {
        var engine = engines.Get(settings.WebSearchEngine);
        if (Missing is { } missing)
        {
            throw new ProviderException(ProviderFailure.BadRequest, missing)
            {
                Reason = new CallReason(NeedsAddress(engine) ? "search_needs_address" : "search_needs_key"),
            };
        }

        var scope = settings.WebSearchEndpoint.Length > 0 ? ModelCatalog.Scope(settings.WebSearchLocal) : NetworkScope.External;
        var address = engine.Home;
        if (settings.WebSearchEndpoint is { Length: > 0 } own && !ProviderUrl.Parse(own, scope, out address, out var reason))
        {
            throw new ProviderException(ProviderFailure.Blocked, reason) { Reason = new CallReason("address_forbidden") };
        }

        return new ProviderEndpoint
        {
            ConnectionId = Pool - (long)scope,
            Provider = engine.Kind,
            BaseUrl = address!,
            ApiKey = settings.WebSearchApiKey,
            Scope = scope,
            Proxies = outbound.Route,
        };
    }

    private bool NeedsAddress(ISearchEngine engine) => engine.Home is null && settings.WebSearchEndpoint.Length == 0;
}
