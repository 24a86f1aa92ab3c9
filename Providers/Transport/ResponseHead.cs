using System.Globalization;
using System.Text;

namespace AiChat.Providers.Transport;

/// <summary>The status line and headers of a reply (RFC 9112 §4-§6), as far as they are used here.</summary>
internal sealed class ResponseHead
{
    private bool _closes;

    public int Status { get; private set; }

    /// <summary>As it was sent; empty when it is missing.</summary>
    public string ContentType { get; private set; } = "";

    /// <summary>As it was sent; empty when it is missing.</summary>
    public string ContentEncoding { get; private set; } = "";

    /// <summary>The body comes in chunks.</summary>
    public bool IsChunked { get; private set; }

    /// <summary>Bytes of the body; null when it ends with its last chunk or with the connection.</summary>
    public long? Length { get; private set; }

    /// <summary>The connection may be used again after the body.</summary>
    public bool KeepsAlive { get; private set; }

    /// <summary>How long the connection may then be idle; null when the provider does not say.</summary>
    public TimeSpan? MaxIdle { get; private set; }

    /// <summary>How long the provider asks to wait; it can be unreasonable, so the caller bounds it.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    /// <summary>Whether the provider asks its clients to repeat the call; null when it does not say.</summary>
    public bool? ShouldRetry { get; private set; }

    /// <summary>The ways to sign in that a proxy offers, as they were sent; empty when it offers none.</summary>
    public string ProxyAuthenticate { get; private set; } = "";

    /// <summary>The entity tag as it was sent; empty when there is none.</summary>
    public string Tag { get; private set; } = "";

    /// <summary>An interim reply (1xx); the final one follows.</summary>
    public bool IsInterim => Status is >= 100 and < 200 and not 101;

    /// <summary>The head at the start of the bytes; null while it is incomplete.</summary>
    /// <param name="bytes">The bytes that have arrived; folded lines are joined in place.</param>
    /// <param name="length">Bytes of the head with the empty line after it.</param>
    /// <exception cref="ProviderException">It is not HTTP/1.</exception>
    public static ResponseHead? Read(Span<byte> bytes, out int length)
    {
        length = EndOf(bytes);
        if (length == 0)
        {
            return null;
        }

        var lines = bytes[..length];
        var head = new ResponseHead();
        head.ReadStatus(NextLine(ref lines));
        var fields = new Fields();
        while (!lines.IsEmpty)
        {
            var line = NextLine(ref lines);
            if (!line.IsEmpty)
            {
                head.ReadField(line, ref fields);
            }
        }

        head.Conclude(fields);
        return head;
    }

    /// <summary>Bytes up to and including the empty line; 0 when it has not arrived. A line feed alone ends a line too.</summary>
    private static int EndOf(ReadOnlySpan<byte> bytes)
    {
        for (var at = 0; ;)
        {
            var feed = bytes[at..].IndexOf((byte)'\n');
            if (feed < 0)
            {
                return 0;
            }

            at += feed + 1;
            var next = bytes[at..];
            if (next.StartsWith("\n"u8) || next.StartsWith("\r\n"u8))
            {
                return at + next.IndexOf((byte)'\n') + 1;
            }
        }
    }

    private static ReadOnlySpan<byte> NextLine(ref Span<byte> lines)
    {
        for (var from = 0; ;)
        {
            var feed = from + lines[from..].IndexOf((byte)'\n');
            if (feed > 1 && feed + 1 < lines.Length && lines[feed + 1] is (byte)' ' or (byte)'\t')
            {
                // A folded line: its line break stands for a space.
                lines[feed] = (byte)' ';
                lines[feed - 1] = lines[feed - 1] == '\r' ? (byte)' ' : lines[feed - 1];
                from = feed;
                continue;
            }

            var line = lines[..feed];
            lines = lines[(feed + 1)..];
            return line.EndsWith("\r"u8) ? line[..^1] : line;
        }
    }

    private static bool Is(ReadOnlySpan<byte> word, ReadOnlySpan<byte> known) => Ascii.EqualsIgnoreCase(word, known);

    private static string Join(string before, ReadOnlySpan<byte> value) =>
        before.Length == 0 ? Encoding.Latin1.GetString(value) : $"{before},{Encoding.Latin1.GetString(value)}";

    private static ProviderException Broken() => new(ProviderFailure.Protocol, "The reply is not valid HTTP.");

    private void ReadStatus(ReadOnlySpan<byte> line)
    {
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || !char.IsAsciiDigit((char)line[7]) || line[8] != ' '
            || !int.TryParse(line[9..12], NumberStyles.None, CultureInfo.InvariantCulture, out var status) || status < 100
            || (line.Length > 12 && line[12] != ' '))
        {
            throw Broken();
        }

        Status = status;
        KeepsAlive = line[7] != '0';
    }

    private void ReadField(ReadOnlySpan<byte> line, ref Fields fields)
    {
        var colon = line.IndexOf((byte)':');
        var name = line[..Math.Max(colon, 0)];
        if (name.IsEmpty || name.ContainsAnyInRange((byte)0, (byte)' '))
        {
            throw Broken();
        }

        var value = line[(colon + 1)..].Trim(" \t"u8);
        if (Is(name, "Content-Type"u8))
        {
            ContentType = Join(ContentType, value);
        }
        else if (Is(name, "Content-Encoding"u8))
        {
            ContentEncoding = Join(ContentEncoding, value);
        }
        else if (Is(name, "Content-Length"u8))
        {
            if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || (Length is { } other && other != length))
            {
                throw Broken();
            }

            Length = length;
        }
        else if (Is(name, "Transfer-Encoding"u8))
        {
            if (!Is(value, "chunked"u8) && !Is(value, "identity"u8))
            {
                throw Broken();
            }

            IsChunked |= Is(value, "chunked"u8);
        }
        else if (Is(name, "Connection"u8))
        {
            ReadConnection(value);
        }
        else if (Is(name, "Keep-Alive"u8))
        {
            ReadKeepAlive(value);
        }
        else if (Is(name, "Retry-After"u8))
        {
            fields.RetryAfter = Encoding.Latin1.GetString(value);
        }
        else if (Is(name, "retry-after-ms"u8))
        {
            fields.RetryAfterMs = Encoding.Latin1.GetString(value);
        }
        else if (Is(name, "x-should-retry"u8))
        {
            ShouldRetry = Is(value, "true"u8) ? true : Is(value, "false"u8) ? false : ShouldRetry;
        }
        else if (Is(name, "Proxy-Authenticate"u8))
        {
            ProxyAuthenticate = Join(ProxyAuthenticate, value);
        }
        else if (Is(name, "ETag"u8))
        {
            Tag = Encoding.Latin1.GetString(value);
        }
        else if (Is(name, "Date"u8))
        {
            fields.Date = Encoding.Latin1.GetString(value);
        }
    }

    private void ReadConnection(ReadOnlySpan<byte> value)
    {
        foreach (var part in value.Split((byte)','))
        {
            var word = value[part].Trim(" \t"u8);
            _closes |= Is(word, "close"u8); // close wins over keep-alive
            KeepsAlive |= Is(word, "keep-alive"u8);
        }
    }

    /// <summary><c>timeout=5, max=100</c> (RFC 2068 §19.7.1.1): seconds; one is subtracted for the time on the way.</summary>
    private void ReadKeepAlive(ReadOnlySpan<byte> value)
    {
        foreach (var part in value.Split((byte)','))
        {
            var word = value[part].Trim(" \t"u8);
            if (word.StartsWith("timeout="u8)
                && int.TryParse(word["timeout=".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            {
                MaxIdle = TimeSpan.FromSeconds(Math.Max(0, seconds - 1));
            }
        }
    }

    private void Conclude(Fields fields)
    {
        RetryAfter = fields.Wait();
        KeepsAlive &= !_closes;
        if (Status is < 200 or 204 or 304)
        {
            (IsChunked, Length) = (false, 0);
            KeepsAlive &= Status != 101;
        }
        else if (IsChunked)
        {
            // Two lengths can make one reply look like two: the chunks count, and the connection is not used again.
            KeepsAlive &= Length is null;
            Length = null;
        }
        else
        {
            KeepsAlive &= Length is not null;
        }
    }

    /// <summary>Headers that are interpreted together.</summary>
    private struct Fields
    {
        public string? RetryAfter;
        public string? RetryAfterMs;
        public string? Date;

        public readonly TimeSpan? Wait()
        {
            if (Number(RetryAfterMs) is { } milliseconds)
            {
                return TimeSpan.FromMilliseconds(milliseconds);
            }

            if (Number(RetryAfter) is { } seconds)
            {
                return TimeSpan.FromSeconds(seconds);
            }

            // A date is judged by the provider's own clock, so that a wrong clock here cannot stretch the wait.
            return Time(Date) is { } sent && Time(RetryAfter) is { } until ? TimeSpan.FromTicks(Math.Max(0, (until - sent).Ticks)) : null;
        }

        private static double? Number(string? text) =>
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                ? Math.Min(number, 1e9) : null;

        private static DateTimeOffset? Time(string? text) =>
            DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
    }
}
