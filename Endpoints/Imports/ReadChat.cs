using System.Net;
using System.Security.Cryptography;
using System.Text;
using AiChat.Data.Imports;
using AiChat.Endpoints.Chat;

namespace AiChat.Endpoints.Imports;

/// <summary>What a reader may ask the archive for, and where it tells what it left out of a chat.</summary>
internal interface IChatFiles
{
    /// <summary>Opens the file that an id, a name or a data URL stands for; null when the archive does not hold it.</summary>
    Func<Stream?>? Find(string reference);

    /// <summary>Gathers a message of the chat that is being read.</summary>
    MessageText Text(string? model = null);

    /// <summary>A text of the chat that is being read, which is put aside until it is written when the chat is large.</summary>
    ImportedText Keep(string text);

    /// <summary>Notes that a part of the chat that is being read was left out.</summary>
    void LeaveOut(string what, string code, string why);
}

/// <summary>Takes chats of one program from the JSON values of its export.</summary>
internal interface IChatReader
{
    /// <summary>The program's name in the report.</summary>
    string Source { get; }

    bool Knows(JsonValue value);

    /// <summary>The chat of a value that <see cref="Knows"/>; null when it holds nothing that anybody could read.</summary>
    ImportedChat? Read(JsonValue value, IChatFiles files);
}

internal static class ReadChat
{
    /// <summary>Fills in what all readers treat alike: bounds, the title, a key for a chat without one.</summary>
    public static ImportedChat? Finish(ImportedChat chat)
    {
        if (chat.Messages.Count == 0)
        {
            return null;
        }

        var given = OneLine(chat.Title);
        var title = given.Length > 0 ? given
            : RunRequests.Title(chat.Messages.FirstOrDefault(message => message.Role == "user")?.Content.Read() ?? "");
        return chat with
        {
            Key = Key(chat.Key.Length > 0 ? chat.Key : Fingerprint(chat)),
            Title = title ?? "",
            TitleSource = given.Length > 0 ? "user" : title is null ? "default" : "first_message",
            SystemPrompt = chat.SystemPrompt is { Length: > 0 and <= SessionFields.MaxSystemPrompt } prompt && prompt.Trim().Length > 0
                ? prompt : null,
            Messages = [.. chat.Messages.Select(message => message with
            {
                Key = Key(message.Key),
                ParentKey = message.ParentKey is null ? null : Key(message.ParentKey),
                Model = message.Model is { Length: > 0 and <= 200 } ? message.Model : null,
            })],
            LeafKey = chat.LeafKey is null ? null : Key(chat.LeafKey),
        };
    }

    /// <summary>A title in one line and within the bound of ours.</summary>
    public static string OneLine(string? text)
    {
        var line = string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        line = string.Concat(line.Where(c => !char.IsControl(c)));
        var end = SessionFields.MaxTitle - 1;
        return line.Length <= SessionFields.MaxTitle ? line
            : string.Concat(line.AsSpan(0, char.IsHighSurrogate(line[end - 1]) ? end - 1 : end), "…");
    }

    /// <summary>A link in Markdown; null when the address is none of the web.</summary>
    public static string? Link(string? title, string? url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            return null;
        }

        var shown = OneLine(title is { Length: > 0 } ? title : url).Replace("[", "", StringComparison.Ordinal);
        var target = address.AbsoluteUri.Replace("(", "%28", StringComparison.Ordinal).Replace(")", "%29", StringComparison.Ordinal);
        return $"[{shown.Replace("]", "", StringComparison.Ordinal)}]({target})";
    }

    /// <summary>The value of an attribute within a tag, decoded; null when it has none of this name.</summary>
    public static string? Attribute(string tag, string name)
    {
        var begin = tag.IndexOf($"{name}=\"", StringComparison.Ordinal);
        while (begin > 0 && !char.IsWhiteSpace(tag[begin - 1]))
        {
            begin = tag.IndexOf($"{name}=\"", begin + 1, StringComparison.Ordinal);
        }

        var end = begin < 0 ? -1 : tag.IndexOf('"', begin + name.Length + 2);
        return end < 0 ? null : WebUtility.HtmlDecode(tag[(begin + name.Length + 2)..end]);
    }

    /// <summary>What the report calls a picture, which may be named by all of its bytes.</summary>
    public static string ShortName(string reference) =>
        reference.StartsWith("data:", StringComparison.Ordinal) || BlobSpool.IsName(reference)
            ? "picture"
            : reference.Length > 120 ? reference[..120] : reference;

    /// <summary>The same chat has the same one at every import, though its source gives it no id.</summary>
    private static string Fingerprint(ImportedChat chat)
    {
        var first = chat.Messages[0];
        return $"{chat.CreatedAt}-{first.CreatedAt}-{chat.Title}-{first.Content.Read()}";
    }

    /// <summary>Keys of any length, as they are or as a hash.</summary>
    private static string Key(string key) =>
        key.Length <= 80 ? key : $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}";
}
