using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>A parser for protocols whose frames are read as small documents.</summary>
internal abstract class DocumentParser(ChatRequest request) : ReplyParser(request)
{
    public sealed override void Read(ref Utf8JsonReader reader)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        Read(document.RootElement);
    }

    protected abstract void Read(JsonElement frame);

    protected ProviderException Error(JsonElement frame) => ProviderErrors.FromError(ErrorText.Read(frame), Request.Endpoint);

    protected static int? Count(JsonElement element, string name) =>
        element.Child(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number) && number >= 0
            ? number : null;
}
