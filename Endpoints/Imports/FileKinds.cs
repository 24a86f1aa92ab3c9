using System.Text;

namespace AiChat.Endpoints.Imports;

/// <summary>What a file looks like that holds no chats in a form which is read here.</summary>
internal static class FileKinds
{
    public const string Takeout =
        "This is the activity of a Google account (Takeout, for example of Gemini). It lists single requests and no chats, so it cannot be "
        + "taken.";

    private const string OtherArchive =
        "Archives of this kind are not read here. Unpack it and choose the JSON file, or pack it as a zip.";

    public static bool LooksLikeJson(ReadOnlySpan<byte> head) => Trim(head) is [(byte)'{' or (byte)'[', ..];

    /// <summary>Null when the file may be JSON.</summary>
    public static ImportRefusedException? Refusal(ReadOnlySpan<byte> head)
    {
        var what = head switch
        {
            _ when head.StartsWith("SQLite format 3\0"u8) =>
                "This is a database, such as Open WebUI's webui.db. Export the chats there instead: Settings, Data Controls, Export Chats; "
                + "or, as its administrator, Settings, Database, Export All Chats.",
            _ when head.StartsWith("%PDF"u8) => "This is a PDF, which holds no chats that could be read. Use the export as JSON.",
            _ when head.StartsWith("Rar!"u8) || head.StartsWith("7z\xBC\xAF"u8)
                || head.StartsWith((ReadOnlySpan<byte>)[0xfd, (byte)'7', (byte)'z', (byte)'X']) || IsTar(head) => OtherArchive,
            _ when Trim(head) is [(byte)'<', ..] => Page(head),
            _ => null,
        };
        if (what is not null)
        {
            return new ImportRefusedException("unknown_format", what);
        }

        return head is [0xff, 0xfe, ..] or [0xfe, 0xff, ..] || LooksLikeJson(head) ? null : new ImportRefusedException(
            "unknown_format",
            "This is neither a zip archive nor JSON. Chats are taken from the exports of ChatGPT, Claude, Open WebUI and LibreChat, and of "
            + "this server; a text, Markdown or CSV file is none.");
    }

    /// <summary>The refusal of an archive that gzip has packed once more; null when it may be JSON.</summary>
    public static ImportRefusedException? Packed(ReadOnlySpan<byte> head) =>
        IsTar(head) || head.StartsWith("PK"u8) ? new ImportRefusedException("unknown_format", OtherArchive) : null;

    /// <summary>What a JSON file that holds no chats looks like; null when it looks like nothing that is known.</summary>
    public static string? Known(IReadOnlySet<string> members) => members switch
    {
        _ when members.Contains("titleUrl") || (members.Contains("header") && members.Contains("activityControls")) => Takeout,
        _ when members.Contains("chat-next-web-store") => "This is a backup of NextChat, which is not read here.",
        _ when members.Contains("responses") && members.Contains("conversation") =>
            "This looks like an export of Grok, which is not read here.",
        _ when members.Contains("prompt_template") && members.Contains("docs") =>
            "A project with its instructions and files has no counterpart here; its chats were taken.",
        _ when members.Contains("chunkedPrompt") => "This looks like a prompt of Google AI Studio, which is not read here.",
        _ => null,
    };

    private static bool IsTar(ReadOnlySpan<byte> head) => head.Length > 262 && head.Slice(257, 5).SequenceEqual("ustar"u8);

    private static string Page(ReadOnlySpan<byte> head)
    {
        var text = Encoding.UTF8.GetString(head);
        return text.Contains("My Activity", StringComparison.Ordinal)
            ? Takeout
            : "This is a web page, such as the chat.html of ChatGPT's export. Choose the whole archive, or its conversations.json.";
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> head)
    {
        head = head.StartsWith((ReadOnlySpan<byte>)[0xef, 0xbb, 0xbf]) ? head[3..] : head;
        return head.TrimStart(" \t\r\n"u8);
    }
}
