using AiChat.Providers.Anthropic;
using AiChat.Providers.Demo;
using AiChat.Providers.Google;
using AiChat.Providers.Ollama;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers;

/// <summary>The providers of this build, by <see cref="IChatProvider.Kind"/>.</summary>
internal sealed class ProviderRegistry(IEnumerable<IChatProvider> providers)
{
    private readonly Dictionary<string, IChatProvider> _byKind = providers.ToDictionary(provider => provider.Kind, StringComparer.Ordinal);

    /// <summary>All providers, over one HTTP client.</summary>
    public static ProviderRegistry Create(ProviderHttp http) => new(
    [
        new OpenAiProvider(http), new OpenAiResponsesProvider(http), new AzureOpenAiProvider(http), new AnthropicProvider(http),
        new GoogleProvider(http), new OllamaProvider(http), new DemoProvider(http.Time),
    ]);

    public IReadOnlyCollection<string> Kinds => _byKind.Keys;

    /// <summary>The provider of that kind; a kind that was validated at save time always exists.</summary>
    public IChatProvider Get(string kind) =>
        _byKind.TryGetValue(kind, out var provider)
            ? provider : throw new ProviderException(ProviderFailure.BadRequest, $"There is no provider '{kind}'.");
}
