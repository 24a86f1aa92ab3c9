using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>Exa (exa.ai/docs, API reference: "Search", <c>POST /search</c> with <c>contents</c>).</summary>
internal sealed class ExaSearch(ProviderHttp http) : ISearchEngine
{
    private const int PageText = 2_000;

    public string Kind => "exa";

    public Uri? Home { get; } = new("https://api.exa.ai");

    public bool NeedsKey => true;

    public async Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("query", query.Text);
        body.Number("numResults", query.Limit);
        body.Strings("includeDomains", query.Domains);
        body.Json.WriteStartObject("contents");
        body.Json.WriteStartObject("text");
        body.Number("maxCharacters", PageText);
        body.Json.WriteEndObject();
        body.Json.WriteEndObject();
        var call = new ProviderCall(query.Endpoint, ProviderUrl.Combine(query.Endpoint.BaseUrl, "search"))
        {
            Body = body.Finish(default),
            Headers = ProviderCredential.Named("x-api-key", query.Endpoint.ApiKey),
        };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return SearchHits.Read(document.RootElement.Child("results"), hit => hit.Text("text") ?? hit.Text("summary"));
    }
}
