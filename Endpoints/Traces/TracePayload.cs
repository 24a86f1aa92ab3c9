using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// The payload of a traced event, as one JSON object. Secrets are removed by name and by value, texts are cut to a maximum length, and of
/// what a person or a model wrote only the length and a digest are recorded: an administrator who reads traces does not read chats.
/// </summary>
internal sealed class TracePayload : IDisposable
{
    /// <summary>Maximum text of one member, in characters.</summary>
    private const int MaxText = 500;

    /// <summary>Maximum payload, in bytes.</summary>
    private const int MaxBytes = 8 * 1024;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Keyed by a secret of the process: digests can be compared within it, but a short text cannot be found by trying.</summary>
    private static readonly byte[] DigestKey = RandomNumberGenerator.GetBytes(32);

    private readonly ArrayBufferWriter<byte> _buffer = new(256);
    private readonly Redactor _redactor;
    private readonly Utf8JsonWriter _json;

    public TracePayload(Redactor redactor)
    {
        _redactor = redactor;
        _json = new Utf8JsonWriter(_buffer, Options);
        _json.WriteStartObject();
    }

    /// <summary>Adds a text of the server or of a provider; null is left out.</summary>
    public TracePayload Text(string name, string? value)
    {
        if (value is not null)
        {
            var clean = Redactor.IsSecretName(name) ? Redactor.Gone : _redactor.Clean(value);
            _json.WriteString(name, clean.Length <= MaxText ? clean : Cut(clean));
        }

        return this;
    }

    public TracePayload Number(string name, long? value)
    {
        if (value is { } number)
        {
            _json.WriteNumber(name, number);
        }

        return this;
    }

    public TracePayload Flag(string name, bool? value)
    {
        if (value is { } flag)
        {
            _json.WriteBoolean(name, flag);
        }

        return this;
    }

    /// <summary>Adds the length of a text that a person or a model wrote, and a digest that is the same for the same text.</summary>
    public TracePayload Written(string name, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            _json.WriteNumber(name + "Chars", text.Length);
            var digest = HMACSHA256.HashData(DigestKey, Encoding.UTF8.GetBytes(text));
            _json.WriteString(name + "Mark", Convert.ToHexStringLower(digest.AsSpan(0, 6)));
        }

        return this;
    }

    /// <summary>Ends the object. A payload over the maximum is replaced by its size.</summary>
    public string Finish()
    {
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenCount <= MaxBytes
            ? Encoding.UTF8.GetString(_buffer.WrittenSpan)
            : $$"""{"leftOutBytes":{{_buffer.WrittenCount}}}""";
    }

    public void Dispose() => _json.Dispose();

    /// <summary>Never cuts a surrogate pair.</summary>
    private static string Cut(string text) => $"{text.AsSpan(0, char.IsHighSurrogate(text[MaxText - 1]) ? MaxText - 1 : MaxText)}…";
}
