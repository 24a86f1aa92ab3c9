using System.Buffers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Tells an answer in a client's protocol: as a stream of frames, each delta as it comes, or whole at the end. Frames gather in
/// <see cref="Ready"/> until somebody sends them. Used by one thread at a time.
/// </summary>
internal abstract class AnswerWriter
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public CompatAnswer Answer { get; } = new();

    /// <summary>Frames that are not sent yet; whoever sends them clears it.</summary>
    public ArrayBufferWriter<byte> Ready { get; } = new();

    /// <summary>What is sent when there has been nothing to say for a while.</summary>
    public virtual ReadOnlySpan<byte> Heartbeat => ": \n\n"u8;

    /// <summary>The provider speaks the client's protocol: its frames are told, not what we read in them. Set before the first.</summary>
    public bool RelaysFrames { get; set; }

    /// <summary>The stream's first frames, if the protocol has some.</summary>
    public abstract void Begin();

    public void Write(ChatDelta delta)
    {
        var call = Answer.Take(delta);
        switch (delta)
        {
            case ChatDelta.Text text:
                OnText(text.Value);
                break;
            case ChatDelta.Reasoning reasoning:
                OnReasoning(reasoning.Value);
                break;
            case ChatDelta.ToolCall piece:
                OnCall(call!, piece.ArgumentsFragment, first: piece.Name is not null);
                break;
            case ChatDelta.Frame frame:
                OnFrame(frame.Json);
                break;
        }
    }

    /// <summary>The stream's last frames, when the answer is complete.</summary>
    public abstract void End();

    /// <summary>The stream's last frames, when it broke off.</summary>
    public abstract void Fail(Problem problem, string requestId);

    /// <summary>The answer as one document.</summary>
    public abstract void WriteWhole(Utf8JsonWriter json);

    protected abstract void OnText(string text);

    protected abstract void OnReasoning(string text);

    protected abstract void OnCall(CompatToolCall call, string arguments, bool first);

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
