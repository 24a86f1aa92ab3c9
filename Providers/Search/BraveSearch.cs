using System.Globalization;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>
/// Brave (api-dashboard.search.brave.com/app/documentation: "Web Search API", <c>GET /res/v1/web/search</c>). It filters domains by
/// words in the query.
/// </summary>
internal sealed class BraveSearch(ProviderHttp http) : ISearchEngine
{
    public string Kind => "brave";

    public Uri? Home { get; } = new("https://api.search.brave.com");

    public bool NeedsKey => true;

    public async Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancel)
    {
        var words = string.Create(
            CultureInfo.InvariantCulture,
            $"?q={Uri.EscapeDataString(query.WithSites)}&count={query.Limit}&text_decorations=false&result_filter=web");
        var call = new ProviderCall(query.Endpoint, ProviderUrl.Combine(query.Endpoint.BaseUrl, "res/v1/web/search", words))
        {
            Headers = [new("Accept", "application/json"), .. ProviderCredential.Named("X-Subscription-Token", query.Endpoint.ApiKey)],
        };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return SearchHits.Read(document.RootElement.Child("web").Child("results"), Text);
    }

    private static string Text(JsonElement hit)
    {
        var more = hit.Child("extra_snippets");
        var pieces = more.ValueKind == JsonValueKind.Array ? more.EnumerateArray().Select(LenientJson.Read) : [];
        return string.Join(' ', pieces.Prepend(hit.Text("description")).Where(piece => piece is not null));
    }
}
