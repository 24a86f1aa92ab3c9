using AiChat.Providers.Anthropic;
using AiChat.Providers.Google;
using AiChat.Providers.Ollama;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;

namespace AiChat.Tests.Providers;

/// <summary>The parser of each protocol, for replaying bytes without a network.</summary>
internal static class Vendors
{
    public static ReplyParser Parser(string vendor, ChatRequest request) => vendor switch
    {
        "openai" or "azure_openai" => new OpenAiParser(request),
        "openai_responses" => new OpenAiResponsesParser(request),
        "anthropic" => new AnthropicParser(request),
        "google_genai" => new GoogleParser(request),
        "ollama" => new OllamaParser(request),
        _ => throw new ArgumentOutOfRangeException(nameof(vendor), vendor, null),
    };
}
