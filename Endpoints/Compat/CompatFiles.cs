using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Documents and sounds in a request: PDF and audio as files, plain text as text.</summary>
internal static class CompatFiles
{
    private const int MaxHead = 200;

    /// <summary>A file as a data: URL.</summary>
    /// <param name="holder">The object with the URL.</param>
    /// <param name="name">The member that is the URL.</param>
    /// <param name="title">What the file is called.</param>
    /// <param name="files">PDF is added here.</param>
    /// <param name="text">Plain text is added here.</param>
    /// <returns>False when no other protocol takes such a file.</returns>
    public static bool TryAddUrl(JsonElement holder, string name, string? title, List<ChatFile> files, StringBuilder text)
    {
        var url = holder.Get(name);
        if (url.ValueKind != JsonValueKind.String)
        {
            return false;
        }

        var raw = JsonMarshal.GetRawUtf8Value(url)[1..^1];
        var head = Encoding.Latin1.GetString(raw[..Math.Min(raw.Length, MaxHead)]);
        var comma = head.IndexOf(',');
        return head.StartsWith("data:", StringComparison.OrdinalIgnoreCase) && comma > 0
            ? head[..comma].EndsWith(";base64", StringComparison.OrdinalIgnoreCase)
                && TryAdd(url, comma + 1, head["data:".Length..comma].Split(';')[0], title, files, text)
            : throw CompatRefusal.Bad($"{name} is taken as a data: URL in base64 only; addresses are not fetched.");
    }

    /// <summary>A file as bare base64.</summary>
    /// <inheritdoc cref="TryAddUrl"/>
    public static bool TryAdd64(
        JsonElement holder, string name, string mimeType, string? title, List<ChatFile> files, StringBuilder text) =>
        holder.Get(name) is { ValueKind: JsonValueKind.String } data && TryAdd(data, 0, mimeType, title, files, text);

    /// <summary>Plain text as a part of the message, with its name.</summary>
    public static void AddText(string? title, string value, StringBuilder text)
    {
        text.Append(text.Length == 0 ? "" : "\n\n");
        text.Append(title is null ? "" : $"{title}:\n").Append(value);
    }

    private static bool TryAdd(JsonElement data, int start, string mimeType, string? title, List<ChatFile> files, StringBuilder text)
    {
        mimeType = mimeType.ToLowerInvariant();
        var isText = mimeType.StartsWith("text/", StringComparison.Ordinal) || mimeType == "application/json";
        if (!isText && mimeType != "application/pdf" && !mimeType.StartsWith("audio/", StringComparison.Ordinal))
        {
            return false;
        }

        if (!Base64Stream.TryMeasure(JsonMarshal.GetRawUtf8Value(data)[1..^1][start..], out var length))
        {
            throw CompatRefusal.Bad("A file is base64 without white space.");
        }

        var content = new ChatImage(mimeType, length, () => new Base64Stream(data, start, length));
        if (isText)
        {
            using var reader = new StreamReader(content.Open(), Encoding.UTF8);
            AddText(title, reader.ReadToEnd(), text);
        }
        else
        {
            files.Add(new ChatFile(title ?? (mimeType == "application/pdf" ? "document.pdf" : "sound"), content));
        }

        return true;
    }
}
