using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>
/// A self-hosted SearXNG (docs.searxng.org: "Search API", <c>GET /search</c>; its settings must allow the format json). It has neither a
/// limit nor a domain filter.
/// </summary>
internal sealed class SearxngSearch(ProviderHttp http) : ISearchEngine
{
    public string Kind => "searxng";

    public Uri? Home => null;

    public bool NeedsKey => false;

    public async Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancel)
    {
        var words = $"?q={Uri.EscapeDataString(query.WithSites)}&format=json";
        var call = new ProviderCall(query.Endpoint, ProviderUrl.Combine(query.Endpoint.BaseUrl, "search", words))
        {
            Headers = ProviderCredential.Bearer(query.Endpoint.ApiKey),
        };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return SearchHits.Read(document.RootElement.Child("results"), hit => hit.Text("content"));
    }
}
