using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>Tavily (docs.tavily.com, API reference: "Tavily Search", <c>POST /search</c>).</summary>
internal sealed class TavilySearch(ProviderHttp http) : ISearchEngine
{
    public string Kind => "tavily";

    public Uri? Home { get; } = new("https://api.tavily.com");

    public bool NeedsKey => true;

    public async Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("query", query.Text);
        body.Number("max_results", query.Limit);
        body.Json.WriteString("search_depth", "basic");
        body.Strings("include_domains", query.Domains);
        var call = new ProviderCall(query.Endpoint, ProviderUrl.Combine(query.Endpoint.BaseUrl, "search"))
        {
            Body = body.Finish(default),
            Headers = ProviderCredential.Bearer(query.Endpoint.ApiKey),
        };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return SearchHits.Read(document.RootElement.Child("results"), hit => hit.Text("content"));
    }
}
