using AiChat.Providers.Transport;

namespace AiChat.Providers.Search;

/// <summary>The search services of this build, by <see cref="ISearchEngine.Kind"/>.</summary>
internal sealed class SearchEngines(ProviderHttp http)
{
    private readonly Dictionary<string, ISearchEngine> _byKind = new ISearchEngine[]
    {
        new TavilySearch(http), new BraveSearch(http), new SearxngSearch(http), new ExaSearch(http),
    }.ToDictionary(engine => engine.Kind, StringComparer.Ordinal);

    public ISearchEngine Get(string kind) => _byKind[kind];
}
