using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AiChat.Providers.Transport;

/// <summary>
/// Reads JSON strings, also those that the strict reader refuses: lone surrogate escapes stay for the next piece to complete, invalid UTF-8
/// becomes U+FFFD. Such strings are rare, so their decoder is simple rather than fast.
/// </summary>
internal static class LenientJson
{
    /// <summary>A value as it was written, also when its strings are not valid text.</summary>
    public static string Raw(JsonElement value) => Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(value));

    /// <summary>A JSON string as text; invalid bytes become U+FFFD, so that the piece is not lost. Null when it is not a string.</summary>
    public static string? Read(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return Decode(reader.ValueSpan);
        }
    }

    /// <inheritdoc cref="Read(ref Utf8JsonReader)"/>
    public static string? Read(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return Decode(JsonMarshal.GetRawUtf8Value(value)[1..^1]);
        }
    }

    private static string Decode(ReadOnlySpan<byte> escaped)
    {
        var source = Encoding.UTF8.GetString(escaped);
        var text = new StringBuilder(source.Length);
        for (var at = 0; at < source.Length; at++)
        {
            if (source[at] != '\\' || at + 1 == source.Length)
            {
                text.Append(source[at]);
                continue;
            }

            at++;
            if (source[at] == 'u' && at + 4 < source.Length
                && ushort.TryParse(source.AsSpan(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
            {
                text.Append((char)code);
                at += 4;
                continue;
            }

            text.Append(Unescape(source[at]));
        }

        return Repair(text);
    }

    private static char Unescape(char letter) => letter switch
    {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\b',
        'f' => '\f',
        _ => letter,
    };

    // A lone surrogate stays only at the ends, where the neighbouring pieces can complete it.
    private static string Repair(StringBuilder text)
    {
        for (var at = 1; at < text.Length - 1; at++)
        {
            var lone = char.IsHighSurrogate(text[at]) ? !char.IsLowSurrogate(text[at + 1])
                : char.IsLowSurrogate(text[at]) && !char.IsHighSurrogate(text[at - 1]);
            text[at] = lone ? '\uFFFD' : text[at];
        }

        return text.ToString();
    }
}
