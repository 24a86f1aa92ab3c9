using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// A value in foreign JSON, where any member may be missing, null or of another kind. Nothing here throws. A class, so that the lists of it
/// need no code of their own in the executable.
/// </summary>
internal sealed class JsonValue
{
    public static readonly JsonValue Absent = new(default(JsonElement));

    private readonly JsonElement _element;
    private readonly LargePart? _part;

    public JsonValue(JsonElement element) => _element = element;

    /// <summary>A value that is in a file.</summary>
    public JsonValue(LargePart part) => _part = part;

    /// <summary>It is there, and not null.</summary>
    public bool Exists => Kind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    public bool IsObject => Kind == JsonValueKind.Object;

    public bool IsList => Kind == JsonValueKind.Array;

    public bool IsText => Kind == JsonValueKind.String;

    public bool IsTrue => Kind == JsonValueKind.True;

    /// <summary>The member of this name, the last one of several.</summary>
    public JsonValue this[string name] => !IsObject ? Absent
        : _part?.Parts is { } parts ? (Array.FindLast(parts, part => part.Name == name) is { } large ? new JsonValue(large) : Absent)
        : Element.TryGetProperty(name, out var found) ? new JsonValue(found) : Absent;

    /// <summary>The elements of a list.</summary>
    public IEnumerable<JsonValue> Items
    {
        get
        {
            if (IsList && _part?.Parts is { } parts)
            {
                foreach (var part in parts)
                {
                    yield return new JsonValue(part);
                }
            }
            else if (IsList)
            {
                foreach (var item in Element.EnumerateArray())
                {
                    yield return new JsonValue(item);
                }
            }
        }
    }

    public IEnumerable<JsonMember> Members
    {
        get
        {
            if (IsObject && _part?.Parts is { } parts)
            {
                foreach (var part in parts)
                {
                    yield return new JsonMember(part.Name ?? "", new JsonValue(part));
                }
            }
            else if (IsObject)
            {
                foreach (var member in Element.EnumerateObject())
                {
                    yield return new JsonMember(Name(member), new JsonValue(member.Value));
                }
            }
        }
    }

    /// <summary>The string, or a number as it is written; null for everything else.</summary>
    public string? Text => Kind switch
    {
        JsonValueKind.String => ReadString(Element),
        JsonValueKind.Number => Element.GetRawText(),
        _ => null,
    };

    /// <summary>The string, or any other value as JSON.</summary>
    public string? Json => !Exists ? null : IsText ? Text : Clean(Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(Element)));

    public double? Number => Kind == JsonValueKind.Number && Element.TryGetDouble(out var found) && double.IsFinite(found)
        ? found : null;

    /// <summary>A count.</summary>
    public long? Whole => Number is { } number and >= 0 and < 1e15 ? (long)number : null;

    /// <summary>A time as seconds, milliseconds or microseconds since 1970, or in ISO form; in milliseconds.</summary>
    public long? Time
    {
        get
        {
            if ((this["$date"] is { Exists: true } inner ? inner.Text : Text) is not { } text)
            {
                return null;
            }

            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            {
                // Until 2286 seconds have ten digits.
                var milliseconds = number > 1e14 ? number / 1_000 : number > 1e11 ? number : number * 1_000;
                return milliseconds is > 0 and < 253_402_300_800_000 ? (long)Math.Round(milliseconds) : null;
            }

            return DateTimeOffset.TryParse(
                text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var date)
                && date.ToUnixTimeMilliseconds() is > 0 and var at ? at : null;
        }
    }

    private JsonValueKind Kind => _part?.Kind ?? _element.ValueKind;

    private JsonElement Element => _part?.Parse() ?? _element;

    private static string Name(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return ""; // not UTF-8; no member that is read has such a name
        }
    }

    private static string ReadString(JsonElement value)
    {
        try
        {
            return Clean(value.GetString()!);
        }
        catch (InvalidOperationException)
        {
            // Half of a pair of surrogates, or bytes that are not UTF-8.
            return Clean(Unescape(Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(value))[1..^1]));
        }
    }

    /// <summary>Text without what the database or UTF-8 cannot hold.</summary>
    private static string Clean(string text)
    {
        if (!text.Contains('\0') && IsWellFormed(text))
        {
            return text;
        }

        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD');
    }

    private static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[++i])))
            {
                return false;
            }
        }

        return true;
    }

    private static string Unescape(string raw)
    {
        var text = new StringBuilder(raw.Length);
        for (var at = 0; at < raw.Length; at++)
        {
            if (raw[at] != '\\' || ++at == raw.Length)
            {
                text.Append(at < raw.Length ? raw[at] : '\\');
            }
            else if (raw[at] == 'u' && at + 4 < raw.Length
                && ushort.TryParse(raw.AsSpan(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var code))
            {
                text.Append((char)code);
                at += 4;
            }
            else
            {
                text.Append(raw[at] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', var other => other });
            }
        }

        return text.ToString();
    }
}

/// <summary>A member of an object. Names may come twice.</summary>
internal sealed record JsonMember(string Name, JsonValue Value);
