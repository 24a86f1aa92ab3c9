using System.Runtime.InteropServices;
using System.Text.Json;
using AiChat.Endpoints.Calls;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// What matters of a prompt that goes on untranslated: its length in tokens, estimated from all of its text, and the addresses that the
/// provider would fetch. The text is read where it lies in the body.
/// </summary>
internal sealed class PromptMeasure
{
    private static readonly string[] Prompt = ["system", "instructions", "messages", "input", "tools"];

    /// <summary>Members that hold bytes, signatures or encrypted text, whose letters are not tokens.</summary>
    private static readonly HashSet<string> Bytes = new(StringComparer.Ordinal)
    {
        "data", "file_data", "image_url", "signature", "encrypted_content", "encrypted_index", "result", "id", "type",
    };

    /// <summary>Members that hold an address, or its contents as a data: URL.</summary>
    private static readonly string[] Addresses = ["url", "image_url", "file_url", "video_url", "audio_url", "server_url"];

    /// <summary>Members that hold a file itself.</summary>
    private static readonly string[] Files = ["file_data", "data"];

    private TokenCount _text;
    private int _extra;

    private PromptMeasure()
    {
    }

    public int Tokens => _text.Tokens + _extra;

    /// <summary>The member that names the first address to fetch; null when there is none.</summary>
    public string? Address { get; private set; }

    public static PromptMeasure Of(JsonElement body)
    {
        var measure = new PromptMeasure();
        foreach (var name in Prompt)
        {
            measure.Read(body.Child(name), name);
        }

        var servers = body.Child("mcp_servers");
        foreach (var server in servers.ValueKind == JsonValueKind.Array ? servers.EnumerateArray() : default)
        {
            measure.Look(server, "mcp_servers");
        }

        return measure;
    }

    private void Read(JsonElement value, string name)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String when !Bytes.Contains(name):
                Count(JsonMarshal.GetRawUtf8Value(value)[1..^1]);
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Read(item, name);
                }

                break;
            case JsonValueKind.Object:
                ReadObject(value);
                break;
        }
    }

    private void ReadObject(JsonElement part)
    {
        _extra += part.Child("role").ValueKind == JsonValueKind.String ? TokenEstimate.PerTurn : 0;
        switch (part.Text("type"))
        {
            case "image" or "image_url" or "input_image":
                _extra += TokenEstimate.PerImage;
                LookAtPicture(part, "image");
                LookAtPicture(part.Child("source"), "source");
                LookAtPicture(part.Child("image_url"), "image_url");
                return;
            case "document" or "file" or "input_file" or "input_audio" or "video_url" or "audio_url" or "mcp":
                Look(part, "file");
                foreach (var holder in (ReadOnlySpan<string>)["source", "file", "input_audio", "video_url", "audio_url"])
                {
                    Look(part.Child(holder), holder);
                }

                if (part.Child("source").Text("type") == "text")
                {
                    Read(part.Child("source").Child("data"), "text");
                }
                else
                {
                    _extra += TokenEstimate.PerImage;
                }

                break;
        }

        foreach (var member in part.EnumerateObject())
        {
            Read(member.Value, member.Name);
        }
    }

    private void LookAtPicture(JsonElement holder, string name)
    {
        Look(holder, name);
        foreach (var place in Addresses)
        {
            if (IsData(holder.Child(place)))
            {
                holder.Image(place, []);
            }
        }

        if (holder.Text("type") == "base64")
        {
            holder.Image64("data", []);
        }
    }

    private void Look(JsonElement holder, string name)
    {
        foreach (var place in Addresses)
        {
            Address ??= holder.Child(place) is { ValueKind: JsonValueKind.String } value && !IsData(value) ? $"{name}.{place}" : null;
        }

        // The slashes of an address may be escaped. Data in base64 has no colon; the data of a text may have.
        foreach (var place in holder.Text("type") == "text" ? [] : Files)
        {
            Address ??= holder.Child(place) is { ValueKind: JsonValueKind.String } value && !IsData(value)
                && Begin(value).Contains((byte)':') ? $"{name}.{place}" : null;
        }
    }

    private static bool IsData(JsonElement value) => value.ValueKind == JsonValueKind.String && Begin(value).StartsWith("data:"u8);

    private static ReadOnlySpan<byte> Begin(JsonElement value)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        return raw[..Math.Min(raw.Length, 64)];
    }

    private void Count(ReadOnlySpan<byte> text)
    {
        var (ascii, other) = (0, 0);
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '\\' && at + 5 < text.Length && text[at + 1] == 'u')
            {
                at += 5;
                other++;
            }
            else if (text[at] < 0x80)
            {
                ascii++;
            }
            else if ((text[at] & 0xC0) != 0x80)
            {
                other++;
            }
        }

        _text.Add(ascii, other);
    }
}
