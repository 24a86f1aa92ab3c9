using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// What a traced event tells, as one JSON object. Secrets are taken out by name and by value, every text has a largest length, and what
/// a person or a model wrote is told by its size and a mark only: an administrator who reads traces does not read chats.
/// </summary>
internal sealed class TracePayload : IDisposable
{
    /// <summary>Longest text of one member, in characters.</summary>
    private const int MaxText = 500;

    /// <summary>Largest payload, in bytes.</summary>
    private const int MaxBytes = 8 * 1024;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Marks can be compared within one process and guessed by nobody: short texts could be found by trying.</summary>
    private static readonly byte[] MarkKey = RandomNumberGenerator.GetBytes(32);

    private readonly ArrayBufferWriter<byte> _buffer = new(256);
    private readonly Redactor _redactor;
    private readonly Utf8JsonWriter _json;

    public TracePayload(Redactor redactor)
    {
        _redactor = redactor;
        _json = new Utf8JsonWriter(_buffer, Options);
        _json.WriteStartObject();
    }

    /// <summary>A word of ours or of a provider; null is left out.</summary>
    public TracePayload Text(string name, string? value)
    {
        if (value is not null)
        {
            var clean = Redactor.IsSecretName(name) ? Redactor.Gone : _redactor.Clean(value);
            _json.WriteString(name, clean.Length <= MaxText ? clean : $"{clean.AsSpan(0, char.IsHighSurrogate(clean[MaxText - 1]) ? MaxText - 1 : MaxText)}…");
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

    /// <summary>A text that is a person's or a model's: how long it is, and a mark that is the same for the same text.</summary>
    public TracePayload Written(string name, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            _json.WriteNumber(name + "Chars", text.Length);
            _json.WriteString(name + "Mark", Convert.ToHexStringLower(HMACSHA256.HashData(MarkKey, Encoding.UTF8.GetBytes(text)).AsSpan(0, 6)));
        }

        return this;
    }

    public string Finish()
    {
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenCount <= MaxBytes ? Encoding.UTF8.GetString(_buffer.WrittenSpan) : $$"""{"leftOutBytes":{{_buffer.WrittenCount}}}""";
    }

    public void Dispose() => _json.Dispose();
}
