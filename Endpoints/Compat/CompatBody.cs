using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AiChat.Data.Images;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>The request is refused; becomes an error in the client's protocol.</summary>
internal sealed class CompatRefusal(Problem problem) : Exception(problem.Detail)
{
    public Problem Problem => problem;

    public static CompatRefusal Bad(string detail) => new(Problems.BadRequest(detail));
}

/// <summary>Reads the bodies of the compatible API: unknown members are ignored, known ones must have their type.</summary>
internal static class CompatBody
{
    /// <summary>Enough for a few images in base64 beside a long conversation.</summary>
    public const long MaxBytes = 32 * 1024 * 1024;

    private const long MaxImage = 10 * 1024 * 1024;
    private const int MaxTurns = 4_000;
    private const int MaxImages = 64;

    /// <summary>
    /// JSON values in the whole body. Each takes 12 bytes beside its text, so a body of many small values would take many times its length.
    /// </summary>
    private const int MaxValues = 1_000_000;

    private const int FirstBuffer = 16 * 1024;

    /// <summary>The body as a JSON object; the caller disposes it.</summary>
    public static async Task<JsonDocument> Read(HttpContext context)
    {
        if (context.Request.ContentType?.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase) != true)
        {
            throw new CompatRefusal(new Problem(415, "unsupported_media_type", "Send application/json."));
        }

        var text = await ReadWhole(context);
        if (text.Length > BodyBudget.Uncounted)
        {
            await SocketThreads.Leave(); // parsing a large body would block a socket thread
        }

        JsonDocument document;
        try
        {
            CheckValues(text.Span);
            document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false });
        }
        catch (JsonException error)
        {
            throw CompatRefusal.Bad($"The body is not JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}).");
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        document.Dispose();
        throw CompatRefusal.Bad("The body is not a JSON object.");
    }

    /// <summary>The bytes of the body, in one buffer that grows with what was received, up to the declared length.</summary>
    public static async Task<ReadOnlyMemory<byte>> ReadWhole(HttpContext context)
    {
        var body = context.Request.Body;
        (body as ArrivingBody)?.Keep();
        var declared = context.Request.ContentLength is { } length and <= MaxBytes ? (int)length : (int)MaxBytes;

        // Not pooled: code that still reads the text after its request has ended must not see the text of another request.
        var buffer = GC.AllocateUninitializedArray<byte>(Math.Min(FirstBuffer, declared + 1));
        var filled = 0;
        while (await body.ReadAsync(buffer.AsMemory(filled), context.RequestAborted) is > 0 and var count)
        {
            filled += count;
            if (filled == buffer.Length)
            {
                (body as ArrivingBody)?.Reserve(filled + 1);
                var larger = GC.AllocateUninitializedArray<byte>(Larger(filled, declared, context.Request.ContentLength is not null));
                buffer.CopyTo(larger, 0);
                buffer = larger;
            }
        }

        return ByteOrderMark.Skip(buffer.AsMemory(0, filled));
    }

    /// <summary>The next size of the buffer. A large body of known length gets its whole buffer at once, which saves copies.</summary>
    private static int Larger(int filled, int declared, bool isKnown) =>
        filled > declared ? throw new CompatRefusal(new Problem(413, "too_large", "The request is larger than allowed here."))
        : isKnown && filled >= BodyBudget.Small ? declared + 1
        : Math.Min(filled * 4, declared + 1);

    /// <summary>
    /// Bounds the number of values before parsing. Every value but the first follows a comma, a colon or an opening bracket, so counting
    /// these is enough for most bodies; the exact count is taken only when strings may contain many of them.
    /// </summary>
    private static void CheckValues(ReadOnlySpan<byte> text)
    {
        if (text.Count((byte)',') + text.Count((byte)':') + text.Count((byte)'[') + text.Count((byte)'{') < MaxValues)
        {
            return;
        }

        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = 64 });
        for (var values = 0; reader.Read(); values++)
        {
            if (values > MaxValues)
            {
                throw new CompatRefusal(new Problem(413, "too_large", $"The body holds more than {MaxValues} values."));
            }
        }
    }

    /// <summary>The value, or undefined when it is absent or null.</summary>
    public static JsonElement Get(this JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw CompatRefusal.Bad($"{name} is expected inside an object.");
        }

        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : default;
    }

    public static string? String(this JsonElement element, string name)
    {
        var value = element.Get(name);
        return value.ValueKind == JsonValueKind.Undefined ? null : AsString(value, name);
    }

    public static string Required(this JsonElement element, string name) =>
        element.String(name) is { Length: > 0 } value ? value : throw CompatRefusal.Bad($"{name} is missing.");

    public static string AsString(JsonElement value, string name)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw CompatRefusal.Bad($"{name} is not a text.");
        }
        catch (InvalidOperationException)
        {
            throw CompatRefusal.Bad($"{name} contains an unpaired surrogate.");
        }
    }

    public static double? Double(this JsonElement element, string name) => element.Get(name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out var number) && double.IsFinite(number) => number,
        _ => throw CompatRefusal.Bad($"{name} is not a number."),
    };

    public static int? Int(this JsonElement element, string name) => element.Get(name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) => number,
        _ => throw CompatRefusal.Bad($"{name} is not an integer."),
    };

    /// <summary>A bound such as the maximum number of output tokens; null when it is absent.</summary>
    public static int? Positive(this JsonElement element, string name)
    {
        var number = element.Int(name);
        return number is null or > 0 ? number : throw CompatRefusal.Bad($"{name} must be above 0.");
    }

    public static bool Bool(this JsonElement element, string name) => element.Get(name).ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.False => false,
        JsonValueKind.True => true,
        _ => throw CompatRefusal.Bad($"{name} is not true or false."),
    };

    /// <summary>The entries of a list that may be absent.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) => element.Get(name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => [],
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() <= MaxTurns => list.EnumerateArray(),
        { ValueKind: JsonValueKind.Array } => throw CompatRefusal.Bad($"{name} has more than {MaxTurns} entries."),
        _ => throw CompatRefusal.Bad($"{name} is not a list."),
    };

    /// <summary>A string or a list of strings.</summary>
    public static IReadOnlyList<string> Strings(this JsonElement element, string name) => element.Get(name).ValueKind switch
    {
        JsonValueKind.Undefined => [],
        JsonValueKind.String => [element.Required(name)],
        _ => [.. element.Items(name).Select(item => AsString(item, name))],
    };

    /// <summary>The text of a message's content: absent, a string, or a list whose parts are read one by one.</summary>
    /// <param name="content">The content.</param>
    /// <param name="read">Reads one part and appends its text.</param>
    public static string Text(JsonElement content, Action<JsonElement, StringBuilder> read)
    {
        switch (content.ValueKind)
        {
            case JsonValueKind.Undefined:
                return "";
            case JsonValueKind.String:
                return AsString(content, "content");
            case JsonValueKind.Array:
                var text = new StringBuilder();
                foreach (var part in content.EnumerateArray())
                {
                    read(part, text);
                }

                return text.ToString();
            default:
                throw CompatRefusal.Bad("content is neither a text nor a list.");
        }
    }

    /// <summary>An image in the request itself, as a data: URL. Addresses that a client names are never fetched.</summary>
    /// <param name="holder">The object with the URL.</param>
    /// <param name="name">The member that is the URL.</param>
    /// <param name="images">All images of the request; this one is added.</param>
    public static ChatImage Image(this JsonElement holder, string name, List<ChatImage> images)
    {
        const int maxHead = 200;
        var url = holder.Get(name);
        if (url.ValueKind != JsonValueKind.String || HasEscapes(url))
        {
            var text = holder.Required(name);
            return Image64(text.AsSpan(Base64At(text.AsSpan(0, Math.Min(text.Length, maxHead)))), images);
        }

        var raw = JsonMarshal.GetRawUtf8Value(url)[1..^1];
        var head = Encoding.Latin1.GetString(raw[..Math.Min(raw.Length, maxHead)]);
        return Image64(url, Base64At(head), images);
    }

    /// <summary>As <see cref="Image"/>, for a member that is base64 without a data: prefix.</summary>
    public static ChatImage Image64(this JsonElement holder, string name, List<ChatImage> images)
    {
        var data = holder.Get(name);
        return data.ValueKind == JsonValueKind.String && !HasEscapes(data)
            ? Image64(data, 0, images)
            : Image64(holder.Required(name), images);
    }

    private static bool HasEscapes(JsonElement text) => JsonMarshal.GetRawUtf8Value(text).Contains((byte)'\\');

    private static int Base64At(ReadOnlySpan<char> url)
    {
        var comma = url.IndexOf(',');
        return url.StartsWith("data:", StringComparison.OrdinalIgnoreCase) && comma >= 0
            && url[..comma].EndsWith(";base64", StringComparison.OrdinalIgnoreCase)
            ? comma + 1
            : throw CompatRefusal.Bad("Images are accepted as data: URLs in base64 only; addresses are not fetched.");
    }

    private static ChatImage Image64(JsonElement text, int start, List<ChatImage> images)
    {
        var base64 = JsonMarshal.GetRawUtf8Value(text)[1..^1][start..];
        if (!Base64Stream.TryMeasure(base64, out var length))
        {
            return Image64(Encoding.Latin1.GetString(base64), images);
        }

        if (images.Count >= MaxImages || length > MaxImage)
        {
            throw BadImage();
        }

        using var file = new Base64Stream(text, start, length);
        images.Add(new ChatImage(Kind(file), length, () => new Base64Stream(text, start, length)));
        return images[^1];
    }

    private static ChatImage Image64(ReadOnlySpan<char> base64, List<ChatImage> images)
    {
        var bytes = new byte[Math.Min((base64.Length / 4 * 3) + 3, MaxImage + 4)];
        if (images.Count >= MaxImages || bytes.Length > MaxImage + 3 || !Convert.TryFromBase64Chars(base64, bytes, out var length))
        {
            throw BadImage();
        }

        using var file = new MemoryStream(bytes, 0, length, writable: false);
        images.Add(ChatImage.FromBytes(Kind(file), bytes.AsMemory(0, length)));
        return images[^1];
    }

    /// <summary>The media type by the file's own header.</summary>
    private static string Kind(Stream file)
    {
        var header = ImageHeader.Read(file, out var refused);
        return header?.Mime ?? throw CompatRefusal.Bad(refused!);
    }

    private static CompatRefusal BadImage() =>
        CompatRefusal.Bad($"An image is base64 of at most {MaxImage / 1024 / 1024} MiB, and a message has at most {MaxImages}.");
}
