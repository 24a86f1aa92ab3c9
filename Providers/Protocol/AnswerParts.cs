using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>What an answer has beside its text: pictures and the pages it cites. Each is told once, however often it is said.</summary>
internal sealed class AnswerParts(List<ChatDelta> ready)
{
    private const int MaxImages = 16;
    private const int MaxImageBytes = 32 * 1024 * 1024;
    private const int MaxSources = 100;
    private const int MaxUrl = 2_000;
    private const int MaxTitle = 300;
    private const int MaxText = 1_000;

    private readonly HashSet<string> _images = [];
    private readonly List<ChatSource> _sources = [];
    private int _imageBytes;

    public bool HasImages => _images.Count > 0;

    public IReadOnlyList<ChatSource> Sources => _sources;

    /// <summary>A picture in base64; returns the bytes it took, 0 when it is no picture or was there before.</summary>
    public int Image(string? mimeType, ReadOnlySpan<byte> base64)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(base64.Length)];
        if (Base64.DecodeFromUtf8(base64, bytes, out _, out var length) != System.Buffers.OperationStatus.Done || length == 0
            || !_images.Add(Convert.ToHexString(SHA256.HashData(bytes.AsSpan(0, length)))))
        {
            return 0;
        }

        _imageBytes += length;
        if (_images.Count > MaxImages || _imageBytes > MaxImageBytes)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The model made too many or too large pictures.");
        }

        ready.Add(new ChatDelta.Image(mimeType ?? "image/png", bytes.AsMemory(0, length)));
        return base64.Length;
    }

    /// <summary>Adds a page, or completes what is known of it.</summary>
    /// <param name="number">Its number in the provider's list, from 1; null gives a page that is not known yet the next one.</param>
    public void Source(string? url, string? title, string? text, int? number = null)
    {
        if (url is not { Length: > 0 and <= MaxUrl } || !Uri.TryCreate(url, UriKind.Absolute, out var address)
            || address.Scheme is not ("http" or "https") || address.UserInfo.Length > 0)
        {
            return;
        }

        var at = number - 1 ?? _sources.FindIndex(known => known.Url == url);
        var page = new ChatSource(url, Short(title, MaxTitle), Short(text, MaxText));
        if (at >= 0 && at < _sources.Count)
        {
            var known = _sources[at];
            _sources[at] = new ChatSource(
                url, page.Title.Length > 0 ? page.Title : known.Title, page.Text.Length > 0 ? page.Text : known.Text);
        }
        else if (_sources.Count < MaxSources)
        {
            _sources.Add(page);
        }
    }

    private static string Short(string? text, int max) =>
        new([.. (text ?? "").Take(max).Select(letter => char.IsControl(letter) || char.IsSurrogate(letter) ? ' ' : letter)]);
}

/// <summary>Reads the forms in which OpenAI-compatible servers give pictures and citations.</summary>
internal static class AnswerPartReader
{
    /// <summary>A text that may come as a list of parts.</summary>
    public static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => LenientJson.Read(value)!,
        JsonValueKind.Array => string.Concat(value.EnumerateArray().Select(part => part.Text("text"))),
        _ => "",
    };

    /// <summary>A picture as an object, a data URL or bare base64; an address elsewhere is returned, because nothing is fetched.</summary>
    public static string? Image(DeltaWriter output, JsonElement part)
    {
        var inner = part.Child("image_url");
        var url = part.ValueKind == JsonValueKind.String ? LenientJson.Read(part)
            : LenientJson.Read(inner) ?? inner.Text("url") ?? part.Text("url");
        if (url is not null)
        {
            return output.DataUrl(url) ? null : url.StartsWith("http", StringComparison.OrdinalIgnoreCase) ? url : null;
        }

        var holder = part.Child("image") is { ValueKind: JsonValueKind.Object } image ? image
            : part.Child("source") is { ValueKind: JsonValueKind.Object } source ? source : part;
        if ((holder.Text("b64_json") ?? holder.Text("result") ?? holder.Text("data")) is { } data)
        {
            output.Image(holder.Text("mime_type") ?? holder.Text("mimeType") ?? holder.Text("media_type"), data);
        }

        return null;
    }

    /// <summary>Whether a part of a message is a picture.</summary>
    public static bool IsImage(JsonElement part) =>
        part.Child("image_url").ValueKind != JsonValueKind.Undefined
        || (part.Text("type")?.Contains("image", StringComparison.Ordinal) ?? false);

    /// <summary>The parts of a content, or the only one.</summary>
    public static IEnumerable<JsonElement> Parts(JsonElement content) =>
        content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : [content];

    /// <summary>The text of a whole response of OpenAI's other API.</summary>
    public static string ResponseText(JsonElement response) =>
        response.Child("output") is { ValueKind: JsonValueKind.Array } items
            ? string.Concat(
                items.EnumerateArray().Where(item => item.Text("type") == "message").Select(item => Text(item.Child("content"))))
            : "";

    /// <summary>A thought as a text, as a list of texts, or as an object that holds it; the reader is left on its end.</summary>
    public static string? Thought(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            var text = LenientJson.Read(ref reader);
            reader.Skip();
            return text;
        }

        using var document = JsonDocument.ParseValue(ref reader);
        var thought = document.RootElement;
        return thought.ValueKind == JsonValueKind.Array ? Text(thought)
            : thought.Text("content") ?? thought.Text("text") ?? thought.Text("summary");
    }

    /// <summary>Annotations of a message: <c>url_citation</c> with its members inside or beside.</summary>
    public static void Annotations(DeltaWriter output, JsonElement list)
    {
        foreach (var annotation in list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default)
        {
            var page = annotation.Child("url_citation") is { ValueKind: JsonValueKind.Object } inner ? inner : annotation;
            output.Source(page.Text("url"), page.Text("title"), page.Text("content") ?? page.Text("text"));
        }
    }

    /// <summary>A list of pages whose places are the numbers in the text.</summary>
    public static void Numbered(DeltaWriter output, JsonElement list)
    {
        var number = 0;
        foreach (var page in list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default)
        {
            number++;
            output.Source(
                LenientJson.Read(page) ?? page.Text("url") ?? page.Text("link"), page.Text("title"),
                page.Text("snippet") ?? page.Text("content") ?? page.Text("text") ?? page.Text("summary"), number);
        }
    }
}
