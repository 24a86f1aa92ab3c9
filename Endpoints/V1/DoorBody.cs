using System.Text.Json;
using AiChat.Data;
using AiChat.Endpoints.Http;
using AiChat.Providers;

namespace AiChat.Endpoints.V1;

/// <summary>A request that cannot be answered as it is; becomes an error in the client's own protocol.</summary>
internal sealed class DoorRefusal(Problem problem) : Exception(problem.Detail)
{
    public Problem Problem => problem;

    public static DoorRefusal Bad(string detail) => new(Problems.BadRequest(detail));
}

/// <summary>Reads bodies of other vendors' APIs: members we do not know are left alone, those we know have their type.</summary>
internal static class DoorBody
{
    /// <summary>Room for a few images in base64 beside a long conversation.</summary>
    public const long MaxBytes = 32 * 1024 * 1024;

    private const long MaxImage = 10 * 1024 * 1024;
    private const int MaxTurns = 4_000;
    private const int MaxImages = 64;

    /// <summary>The body as a JSON object; whoever called disposes it.</summary>
    public static async Task<JsonDocument> Read(HttpContext context)
    {
        if (context.Request.ContentType?.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase) != true)
        {
            throw new DoorRefusal(new Problem(415, "unsupported_media_type", "Send application/json."));
        }

        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(
                context.Request.Body, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false }, context.RequestAborted);
        }
        catch (JsonException error)
        {
            throw DoorRefusal.Bad($"The body is not JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}).");
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        document.Dispose();
        throw DoorRefusal.Bad("The body is not a JSON object.");
    }

    /// <summary>The value, or undefined when it is absent or null.</summary>
    public static JsonElement Get(this JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw DoorRefusal.Bad($"There is no object where {name} belongs.");
        }

        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : default;
    }

    public static string? String(this JsonElement element, string name)
    {
        var value = element.Get(name);
        return value.ValueKind == JsonValueKind.Undefined ? null : AsString(value, name);
    }

    public static string Required(this JsonElement element, string name) =>
        element.String(name) is { Length: > 0 } value ? value : throw DoorRefusal.Bad($"{name} is missing.");

    public static string AsString(JsonElement value, string name)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw DoorRefusal.Bad($"{name} is not a text.");
        }
        catch (InvalidOperationException)
        {
            throw DoorRefusal.Bad($"{name} holds half a character.");
        }
    }

    public static double? Double(this JsonElement element, string name) => element.Get(name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out var number) && double.IsFinite(number) => number,
        _ => throw DoorRefusal.Bad($"{name} is not a number."),
    };

    public static int? Int(this JsonElement element, string name) => element.Get(name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) => number,
        _ => throw DoorRefusal.Bad($"{name} is not a whole number."),
    };

    public static bool Bool(this JsonElement element, string name) => element.Get(name).ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.False => false,
        JsonValueKind.True => true,
        _ => throw DoorRefusal.Bad($"{name} is not true or false."),
    };

    /// <summary>The entries of a list that may be absent.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) => element.Get(name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => [],
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() <= MaxTurns => list.EnumerateArray(),
        { ValueKind: JsonValueKind.Array } => throw DoorRefusal.Bad($"{name} has more than {MaxTurns} entries."),
        _ => throw DoorRefusal.Bad($"{name} is not a list."),
    };

    /// <summary>One text or a list of them.</summary>
    public static IReadOnlyList<string> Strings(this JsonElement element, string name) => element.Get(name).ValueKind switch
    {
        JsonValueKind.Undefined => [],
        JsonValueKind.String => [element.Required(name)],
        _ => [.. element.Items(name).Select(item => AsString(item, name))],
    };

    /// <summary>An image in the request itself. We fetch no address that a client names.</summary>
    public static ChatImage Image(string url, List<ChatImage> sofar)
    {
        const string scheme = "data:";
        var comma = url.IndexOf(',', StringComparison.Ordinal);
        if (!url.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) || comma < 0 || !url.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            throw DoorRefusal.Bad("Images are taken as data: URLs in base64 only; addresses are not fetched.");
        }

        return Image64(url.AsSpan(comma + 1), sofar);
    }

    /// <summary>Its kind is what its own bytes say.</summary>
    public static ChatImage Image64(ReadOnlySpan<char> base64, List<ChatImage> sofar)
    {
        var bytes = new byte[base64.Length / 4 * 3 + 3];
        if (sofar.Count >= MaxImages || bytes.Length > MaxImage + 3 || !Convert.TryFromBase64Chars(base64, bytes, out var length))
        {
            throw DoorRefusal.Bad($"An image is base64 of at most {MaxImage / 1024 / 1024} MiB, and a message has at most {MaxImages}.");
        }

        using var file = new MemoryStream(bytes, 0, length, writable: false);
        var header = ImageHeader.Read(file, out var refused);
        return header is null ? throw DoorRefusal.Bad(refused!) : ChatImage.FromBytes(header.Mime, bytes.AsMemory(0, length));
    }
}
