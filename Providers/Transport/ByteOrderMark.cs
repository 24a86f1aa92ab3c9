namespace AiChat.Providers.Transport;

/// <summary>
/// The mark that some servers and programs write before UTF-8 (U+FEFF). JSON has no place for it (RFC 8259, 8.1), so it is skipped.
/// </summary>
internal static class ByteOrderMark
{
    private static ReadOnlySpan<byte> Mark => "\uFEFF"u8;

    public static ReadOnlySpan<byte> Skip(ReadOnlySpan<byte> text) => text.StartsWith(Mark) ? text[Mark.Length..] : text;

    public static ReadOnlyMemory<byte> Skip(ReadOnlyMemory<byte> text) => text.Span.StartsWith(Mark) ? text[Mark.Length..] : text;
}
