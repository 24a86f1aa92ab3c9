using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>One web search service. Implementations are stateless and safe for parallel use.</summary>
internal interface ISearchEngine
{
    /// <summary>Stable name as in the settings.</summary>
    string Kind { get; }

    /// <summary>The service's public address; null when every installation has its own.</summary>
    Uri? Home { get; }

    bool NeedsKey { get; }

    /// <summary>
    /// Sends the query once. The hits are raw: <see cref="SearchHits.Clean"/> bounds them. None of their addresses is ever fetched.
    /// </summary>
    /// <exception cref="ProviderException">The search failed.</exception>
    Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancel);
}

/// <param name="Endpoint">The service's address, key and network rules.</param>
/// <param name="Domains">Only pages of these domains and their subdomains are wanted; empty = all.</param>
internal sealed record SearchQuery(ProviderEndpoint Endpoint, string Text, int Limit, IReadOnlyList<string> Domains)
{
    /// <summary>The query with <c>site:</c> words, for engines that filter by them.</summary>
    public string WithSites => Domains.Count == 0 ? Text : $"{Text} ({string.Join(" OR ", Domains.Select(domain => $"site:{domain}"))})";
}

/// <summary>A page that was found, with its text about the query.</summary>
internal sealed record SearchHit(string Title, string Url, string Text);
