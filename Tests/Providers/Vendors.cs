using AiChat.Providers;

namespace AiChat.Tests.Providers;

/// <summary>The parser of each protocol, for replaying bytes without a network.</summary>
internal static class Vendors
{
    public static ReplyParser Parser(string vendor, ChatRequest request) => vendor switch
    {
        "openai" => new OpenAiParser(request),
        _ => throw new ArgumentOutOfRangeException(nameof(vendor), vendor, null),
    };
}
