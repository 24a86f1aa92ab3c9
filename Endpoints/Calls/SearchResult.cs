using AiChat.Providers.Search;

namespace AiChat.Endpoints.Calls;

/// <summary>A hit as models and people see it; answers cite it by its number.</summary>
internal sealed record SearchResult(int Number, string Title, string Url, string Text)
{
    public static SearchResult From(SearchHit hit, int number) => new(number, hit.Title, hit.Url, hit.Text);
}
