using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>A parser for protocols whose frames are read as small documents.</summary>
internal abstract class DocumentParser(ChatRequest request) : ReplyParser(request)
{
    public sealed override void Read(ref Utf8JsonReader reader)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var frame = document.RootElement;
        if (ErrorText.IsIn(frame) || (!Knows(frame) && ErrorText.Read(frame).Message.Length > 0))
        {
            throw Error(frame);
        }

        Read(frame);
        if (Request.Passthrough is not null)
        {
            Output.Frame(frame.Clone(), Speaks(frame));
        }
    }

    /// <summary>Whether a frame is of this protocol; one that is not and holds a message is an error of a gateway.</summary>
    protected abstract bool Knows(JsonElement frame);

    protected abstract void Read(JsonElement frame);

    /// <summary>Whether a frame holds a part of the answer, known or not: a client waits for it.</summary>
    protected virtual bool Speaks(JsonElement frame) => true;

    protected ProviderException Error(JsonElement frame) => ProviderErrors.FromError(ErrorText.Read(frame), Request.Endpoint);

    protected static int? Count(JsonElement element, string name) =>
        element.Child(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number) && number >= 0
            ? number : null;
}
