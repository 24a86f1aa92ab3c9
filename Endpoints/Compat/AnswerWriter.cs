using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Writes an answer in a client's protocol: as a stream of frames, one or more for each delta, or whole at the end. Frames collect in
/// <see cref="Ready"/> until they are sent. Used by one thread at a time.
/// </summary>
internal abstract class AnswerWriter
{
    private const int MinReserved = 64 * 1024;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public CompatAnswer Answer { get; } = new();

    /// <summary>Frames that are not sent yet; the sender clears it.</summary>
    public ArrayBufferWriter<byte> Ready { get; } = new();

    /// <summary>The frame that keeps an idle connection open.</summary>
    public virtual ReadOnlySpan<byte> Heartbeat => ": \n\n"u8;

    /// <summary>
    /// The provider speaks the client's protocol, so its frames are relayed instead of translated. Set it before the first delta.
    /// </summary>
    public bool RelaysFrames { get; set; }

    /// <summary>Only the first call is told: the client asked for one at a time, and the provider cannot be asked so.</summary>
    public bool OneCall { get; set; }

    /// <summary>The estimated length of the prompt, for protocols that tell it before the answer.</summary>
    public int PromptTokens { get; set; }

    /// <summary>What makes the complete answer impossible to write in this protocol; null for almost all.</summary>
    public virtual Problem? Fault() => null;

    /// <summary>Writes the opening frames of the stream, if the protocol has any.</summary>
    public abstract void Begin();

    /// <summary>Writes the frames of one delta and adds it to <see cref="Answer"/>.</summary>
    public void Write(ChatDelta delta)
    {
        if (OneCall && delta is ChatDelta.ToolCall other && Answer.Calls is [var only, ..] && only.Index != other.Index)
        {
            return;
        }

        var call = Answer.Take(delta);
        switch (delta)
        {
            case ChatDelta.Text { IsRefusal: true } refusal:
                OnRefusal(refusal.Value);
                break;
            case ChatDelta.Text text:
                OnText(text.Value);
                break;
            case ChatDelta.Image image:
                OnImage(image);
                break;
            case ChatDelta.Sources sources:
                OnSources(sources.Pages);
                break;
            case ChatDelta.Reasoning reasoning:
                OnReasoning(reasoning.Value);
                break;
            case ChatDelta.ToolCall piece:
                OnCall(call!, piece.ArgumentsFragment, first: piece.Name is not null);
                break;
            case ChatDelta.Frame frame:
                Reserve(JsonMarshal.GetRawUtf8Value(frame.Json).Length);
                OnFrame(frame.Json);
                break;
        }
    }

    /// <summary>Writes the closing frames of a complete answer.</summary>
    public abstract void End();

    /// <summary>Writes the closing frames of an answer that broke off.</summary>
    public abstract void Fail(Problem problem, string requestId);

    /// <summary>Writes the members of the answer as one document.</summary>
    public abstract void WriteWhole(Utf8JsonWriter json);

    protected abstract void OnText(string text);

    protected abstract void OnReasoning(string text);

    protected abstract void OnCall(CompatToolCall call, string arguments, bool first);

    protected virtual void OnRefusal(string text) => OnText(text);

    protected abstract void OnImage(ChatDelta.Image image);

    protected abstract void OnSources(IReadOnlyList<ChatSource> pages);

    protected static string DataUrl(ChatDelta.Image image) =>
        $"data:{(image.MimeType.Length > 0 ? image.MimeType : "image/png")};base64,{Convert.ToBase64String(image.Bytes.Span)}";

    /// <summary>Writes a picture in base64, piece by piece: as a text it would take several times its length.</summary>
    protected static void Base64(Utf8JsonWriter json, ReadOnlySpan<char> before, ChatDelta.Image image)
    {
        const int piece = 3 * 4 * 1024;
        Span<char> text = stackalloc char[piece / 3 * 4];
        json.WriteStringValueSegment(before, isFinalSegment: false);
        for (var bytes = image.Bytes.Span; !bytes.IsEmpty; bytes = bytes[Math.Min(piece, bytes.Length)..])
        {
            Convert.TryToBase64Chars(bytes[..Math.Min(piece, bytes.Length)], text, out var length);
            json.WriteStringValueSegment(text[..length], isFinalSegment: false);
        }

        json.WriteStringValueSegment("", isFinalSegment: true);
    }

    /// <summary>Makes place for a long frame at once; a buffer that grows as it is written takes several times its length.</summary>
    protected void Reserve(int length)
    {
        if (length > MinReserved)
        {
            Ready.GetSpan(length + MinReserved);
        }
    }

    protected virtual void OnFrame(JsonElement frame)
    {
    }

    protected LedgerEntry Used => Answer.Used ?? throw new InvalidOperationException("The answer is not complete.");

    protected void Frame(string? name, Action<Utf8JsonWriter> write)
    {
        if (name is not null)
        {
            Raw("event: "u8);
            Raw(System.Text.Encoding.ASCII.GetBytes(name));
            Raw("\n"u8);
        }

        Raw("data: "u8);
        using (var json = new Utf8JsonWriter(Ready, Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        Raw("\n\n"u8);
    }

    protected void Raw(ReadOnlySpan<byte> bytes) => Ready.Write(bytes);

    protected static string NewId(string prefix) => prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
}
