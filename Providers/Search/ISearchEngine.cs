using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>One web search service. Implementations are stateless and safe for parallel use.</summary>
internal interface ISearchEngine
{
    /// <summary>Stable name as in the settings.</summary>
    string Kind { get; }

    /// <summary>Where the service is when no address of an own one is set; null when there is only own ones.</summary>
    Uri? Home { get; }

    bool NeedsKey { get; }

    /// <summary>Asks once. The hits are raw: <see cref="SearchHits.Clean"/> bounds them. None of their addresses is ever fetched.</summary>
    /// <exception cref="ProviderException">It failed, in the words of any provider.</exception>
    Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancel);
}

/// <param name="Endpoint">The service's address, key and network rules.</param>
/// <param name="Domains">Only pages of these and their subdomains are wanted; empty is all.</param>
internal sealed record SearchQuery(ProviderEndpoint Endpoint, string Text, int Limit, IReadOnlyList<string> Domains)
{
    /// <summary>The query for engines that filter by words in it.</summary>
    public string WithSites => Domains.Count == 0 ? Text : $"{Text} ({string.Join(" OR ", Domains.Select(domain => $"site:{domain}"))})";
}

/// <summary>A page that was found and what it says about the question.</summary>
internal sealed record SearchHit(string Title, string Url, string Text);
