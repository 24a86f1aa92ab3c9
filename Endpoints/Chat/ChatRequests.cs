using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Chat;

/// <summary>A new question. Content may be empty only with images.</summary>
internal sealed record ChatStreamRequest(
    long SessionId,
    string Content,
    string ClientMessageId,
    IReadOnlyList<string>? ImageIds = null,
    Optional<long?> ParentId = default,
    long? ConnectionId = null,
    string? Model = null,
    bool? ContextEnabled = null,
    ReasoningRequest? Reasoning = null,
    bool? WebSearch = null,
    bool? Trace = null)
{
    public const int MaxContent = 100_000;
    public const int MaxImages = 4;

    public Dictionary<string, string[]> Validate()
    {
        var errors = new Dictionary<string, string[]>();
        if (Content.Length > MaxContent)
        {
            errors["content"] = [$"At most {MaxContent} characters."];
        }
        else if (string.IsNullOrWhiteSpace(Content) && ImageIds is not { Count: > 0 })
        {
            errors["content"] = ["Write something or add an image."];
        }

        if (ImageIds is { } images
            && (images.Count > MaxImages || images.Distinct().Count() != images.Count || !images.All(PublicId.IsValid)))
        {
            errors["imageIds"] = [$"At most {MaxImages} different images."];
        }

        RunRequests.Validate(errors, ClientMessageId, Reasoning);
        return errors;
    }
}

/// <summary>An answer to regenerate or to continue.</summary>
internal sealed record ChatAgainRequest(
    long MessageId,
    string ClientMessageId,
    long? ConnectionId = null,
    string? Model = null,
    bool? ContextEnabled = null,
    ReasoningRequest? Reasoning = null,
    bool? WebSearch = null,
    bool? Trace = null)
{
    public Dictionary<string, string[]> Validate()
    {
        var errors = new Dictionary<string, string[]>();
        RunRequests.Validate(errors, ClientMessageId, Reasoning);
        return errors;
    }
}

internal sealed record ChatStopRequest(long MessageId);

internal sealed record RunResponse(long SessionId, long MessageId, DateTimeOffset StartedAt);

/// <summary>Public tokens such as image ids: only characters of base64url.</summary>
internal static class PublicId
{
    public static bool IsValid(string id) => id.Length is >= 16 and <= 64 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}

internal static class RunRequests
{
    private const int MaxLengthDigits = 10;

    public static void Validate(Dictionary<string, string[]> errors, string clientMessageId, ReasoningRequest? reasoning)
    {
        if (clientMessageId.Length is 0 or > 64 || !clientMessageId.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
        {
            errors["clientMessageId"] = ["1 to 64 letters, digits, - or _."];
        }

        reasoning?.Validate(errors);
    }

    public static RunOptions Options(bool? contextEnabled, ReasoningRequest? reasoning, bool? webSearch, bool? trace) => new()
    {
        ContextEnabled = contextEnabled ?? true,
        ReasoningEnabled = reasoning?.Enabled,
        Effort = reasoning?.Effort is { } word && Enum.TryParse<ReasoningEffort>(word, ignoreCase: true, out var effort) ? effort : null,
        SaveReasoning = reasoning?.Save ?? true,
        WebSearch = webSearch,
        Trace = trace,
    };

    /// <summary>Equal for equal requests: a repeated request is recognised, and a different one with the same id is refused.</summary>
    public static string Hash(params ReadOnlySpan<string> parts)
    {
        var most = 0;
        foreach (var part in parts)
        {
            most += MaxLengthDigits + 1 + Encoding.UTF8.GetMaxByteCount(part.Length);
        }

        var bytes = ArrayPool<byte>.Shared.Rent(most);
        var count = 0;
        foreach (var part in parts)
        {
            part.Length.TryFormat(bytes.AsSpan(count), out var digits, default, CultureInfo.InvariantCulture);
            count += digits;
            bytes[count++] = (byte)':';
            count += Encoding.UTF8.GetBytes(part, bytes.AsSpan(count));
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes.AsSpan(0, count), hash);
        ArrayPool<byte>.Shared.Return(bytes);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>A title from the first line of a message that says something, without its Markdown, cut at a word boundary.</summary>
    public static string? Title(string content)
    {
        const int max = 60;
        var line = PlainLine.First(content);
        if (line.Length <= max)
        {
            return line.Length == 0 ? null : line;
        }

        var cut = line.LastIndexOf(' ', max - 1);
        cut = cut > max / 2 ? cut : max;
        return string.Concat(line.AsSpan(0, char.IsHighSurrogate(line[cut - 1]) ? cut - 1 : cut), "…");
    }
}
