using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>
/// A provider's reply in one file and its deltas in another. <c>case.in.*</c> holds the bytes of the body, <c>case.out.json</c> the deltas
/// and the error code; <c>case.options.json</c> may name model, tags and media type.
/// </summary>
internal sealed partial class Transcript
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "Providers", "Transcripts");
    private readonly string _path;

    public Transcript(string vendor, string name)
    {
        Vendor = vendor;
        _path = Path.Combine(Root, vendor, name);
        var input = Directory.GetFiles(Path.GetDirectoryName(_path)!, name + ".in.*").Single();
        Bytes = File.ReadAllBytes(input);
        var options = File.Exists(_path + ".options.json")
            ? JsonDocument.Parse(File.ReadAllText(_path + ".options.json")).RootElement : default;
        MediaType = options.Text("mediaType")
            ?? (input.EndsWith(".ndjson", StringComparison.Ordinal) ? "application/x-ndjson" : "text/event-stream");
        Model = options.Text("model") ?? "model-1";
        var tags = options.Child("tags");
        Tags = tags.ValueKind != JsonValueKind.Array ? ReasoningTag.Defaults
            : tags.GetArrayLength() == 0 ? [] : [new ReasoningTag(tags[0].GetString()!, tags[1].GetString()!)];
    }

    public string Vendor { get; }

    public byte[] Bytes { get; }

    public string MediaType { get; }

    private string Model { get; }

    private IReadOnlyList<ReasoningTag> Tags { get; }

    public string Expected => File.ReadAllText(_path + ".out.json");

    public static IEnumerable<(string Vendor, string Name)> All() =>
        from file in Directory.EnumerateFiles(Root, "*.in.*", SearchOption.AllDirectories)
        orderby file
        let name = Path.GetFileName(file)
        select (Path.GetFileName(Path.GetDirectoryName(file)!), name[..name.IndexOf(".in.", StringComparison.Ordinal)]);

    public ChatRequest Request(string baseUrl = "http://127.0.0.1/v1") => new()
    {
        Endpoint = Endpoints.Local(Vendor, baseUrl),
        Model = Model,
        Turns = [new ChatTurn(ChatRole.User, "Hi")],
        Reasoning = new ChatReasoning { Tags = Tags },
    };

    /// <summary>Parses the bytes as they would arrive in pieces of these sizes.</summary>
    public async Task<string> ReplayAsync(Func<int> nextSize, byte[]? damaged = null)
    {
        var clock = new CallClock(ChatTimeouts.Default, TimeProvider.System, CancellationToken.None);
        var reply = new ProviderReply(new PiecewiseBody(damaged ?? Bytes, nextSize), MediaType, clock, 256 * 1024);
        return await WriteAsync(Vendors.Parser(Vendor, Request()).ReadAsync(_ => Task.FromResult(reply)));
    }

    /// <summary>One line per delta; made-up call ids are replaced, because they are random.</summary>
    public static async Task<string> WriteAsync(IAsyncEnumerable<ChatDelta> deltas)
    {
        var lines = new List<string>();
        try
        {
            await foreach (var delta in deltas)
            {
                lines.Add(Write(delta));
            }
        }
        catch (ProviderException exception)
        {
            lines.Add($$"""{"error":"{{exception.Failure.Code()}}","detail":{{Quote(exception.Detail)}}}""");
        }

        return RandomId().Replace("[\n" + string.Join(",\n", lines) + "\n]\n", "call_made_up_");
    }

    /// <summary>Writes the expectation again, for a person to read before it is committed.</summary>
    public static void Update(string vendor, string name, string actual, string sourceRoot) =>
        File.WriteAllText(Path.Combine(sourceRoot, "Tests", "Providers", "Transcripts", vendor, name + ".out.json"), actual);

    private static string Write(ChatDelta delta) => delta switch
    {
        ChatDelta.Text text => $$"""{"text":{{Quote(text.Value)}}}""",
        ChatDelta.Reasoning reasoning => $$"""{"reasoning":{{Quote(reasoning.Value)}}}""",
        ChatDelta.Image image => $$"""{"image":{{Quote(image.MimeType)}},"bytes":{{image.Bytes.Length}}}""",
        ChatDelta.Sources sources => $$"""{"sources":{{JsonSerializer.Serialize(sources.Pages, Readable)}}}""",
        ChatDelta.TextWasReasoning => """{"textWasReasoning":true}""",
        ChatDelta.ToolCall call => $$"""{"call":{{call.Index}},"id":{{Quote(call.Id)}},"name":{{Quote(call.Name)}},"arguments":"""
            + $$"""{{Quote(call.ArgumentsFragment)}}}""",
        ChatDelta.State state => $$"""{"state":{{state.Value}}}""",
        ChatDelta.Usage usage => $$"""{"prompt":{{Number(usage.PromptTokens)}},"completion":{{Number(usage.CompletionTokens)}}"""
            + $$""","reasoning":{{Number(usage.ReasoningTokens)}},"cached":{{Number(usage.CachedTokens)}},"cacheWrite":"""
            + $$"""{{Number(usage.CacheWriteTokens)}}}""",
        ChatDelta.End end => $$"""{"end":"{{end.Reason}}","raw":{{Quote(end.Raw)}},"skipped":{{end.SkippedFrames}}}""",
        _ => throw new InvalidOperationException(delta.ToString()),
    };

    private static string Quote(string? text) => JsonSerializer.Serialize(text, Readable);

    private static string Number(int? value) => value?.ToString() ?? "null";

    [GeneratedRegex("call_[0-9a-f]{16}_")]
    private static partial Regex RandomId();
}

/// <summary>A body in pieces of these sizes. A piece is overwritten when the next is asked for, like a network buffer.</summary>
internal sealed class PiecewiseBody(byte[] bytes, Func<int> nextSize) : IReplyBody
{
    private byte[] _piece = [];
    private int _at;

    public ReadOnlyMemory<byte> Piece => _piece;

    public bool Ended { get; private set; }

    public ValueTask<bool> NextAsync()
    {
        Array.Fill(_piece, (byte)'\n');
        _piece = bytes.AsSpan(_at, Math.Min(nextSize(), bytes.Length - _at)).ToArray();
        _at += _piece.Length;
        Ended = _piece.Length == 0;
        return ValueTask.FromResult(!Ended);
    }

    public ValueTask DisposeAsync() => default;
}

internal static class Endpoints
{
    /// <summary>A connection to a provider on this machine.</summary>
    public static ProviderEndpoint Local(string provider, string baseUrl, string? key = "sk-CANARY-7f3a9c1e5b") => new()
    {
        ConnectionId = 1,
        Provider = provider,
        BaseUrl = new Uri(baseUrl),
        ApiKey = key,
        Scope = NetworkScope.Loopback,
    };
}
