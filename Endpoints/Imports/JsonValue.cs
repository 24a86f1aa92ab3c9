using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// A value in foreign JSON, where any member may be missing, null or of another kind. Nothing here throws. A class, so that the lists of it
/// need no code of their own in the executable.
/// </summary>
internal sealed class JsonValue(JsonElement element)
{
    public static readonly JsonValue Absent = new(default);

    private readonly JsonElement _element = element;

    /// <summary>It is there, and not null.</summary>
    public bool Exists => _element.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    public bool IsObject => _element.ValueKind == JsonValueKind.Object;

    public bool IsList => _element.ValueKind == JsonValueKind.Array;

    public bool IsText => _element.ValueKind == JsonValueKind.String;

    public bool IsTrue => _element.ValueKind == JsonValueKind.True;

    public JsonValue this[string name] => IsObject && _element.TryGetProperty(name, out var found) ? new JsonValue(found) : Absent;

    /// <summary>The elements of a list.</summary>
    public IEnumerable<JsonValue> Items
    {
        get
        {
            if (IsList)
            {
                foreach (var item in _element.EnumerateArray())
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
            if (IsObject)
            {
                foreach (var member in _element.EnumerateObject())
                {
                    yield return new JsonMember(Name(member), new JsonValue(member.Value));
                }
            }
        }
    }

    /// <summary>The string, or a number as it is written; null for everything else.</summary>
    public string? Text => _element.ValueKind switch
    {
        JsonValueKind.String => ReadString(_element),
        JsonValueKind.Number => _element.GetRawText(),
        _ => null,
    };

    /// <summary>The string, or any other value as JSON.</summary>
    public string? Json => !Exists ? null : IsText ? Text : Clean(Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(_element)));

    public double? Number => _element.ValueKind == JsonValueKind.Number && _element.TryGetDouble(out var found) && double.IsFinite(found)
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
