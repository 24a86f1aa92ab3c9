using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>
/// Gathers what a provider says into a run's log. Deltas that come without a wait between them go to the log as one;
/// call <see cref="Flush"/> before waiting. Used by one thread at a time.
/// </summary>
internal sealed class Answer(RunLog log, TimeProvider clock, bool showReasoning)
{
    /// <summary>Text is handed on at the latest when this much has gathered, so that a burst does not hold it back.</summary>
    private const int MostPending = 8 * 1024;

    /// <summary>Longest answer and longest reasoning, in characters.</summary>
    private const int MostText = 2 * 1024 * 1024;

    private readonly long _begun = clock.GetTimestamp();
    private readonly StringBuilder _pending = new();
    private bool _pendingIsReasoning;
    private long? _reasoningSince;

    public ChatDelta.Usage? Usage { get; private set; }

    public ChatDelta.End? End { get; private set; }

    /// <summary>What the provider wants back in later turns.</summary>
    public string? State { get; private set; }

    public long? FirstTokenMs { get; private set; }

    public long? ReasoningMs { get; private set; }

    /// <summary>Whether the provider has said anything.</summary>
    public bool HasOutput => FirstTokenMs is not null;

    public long ElapsedMs => (long)clock.GetElapsedTime(_begun).TotalMilliseconds;

    /// <exception cref="ProviderException">The answer is longer than allowed; what came before stays.</exception>
    public void Take(ChatDelta delta)
    {
        switch (delta)
        {
            case ChatDelta.Text text:
                FirstTokenMs ??= ElapsedMs;
                EndReasoning();
                Add(text.Value, reasoning: false);
                break;
            case ChatDelta.Reasoning reasoning:
                FirstTokenMs ??= ElapsedMs;
                _reasoningSince ??= clock.GetTimestamp();
                if (showReasoning)
                {
                    Add(reasoning.Value, reasoning: true);
                }

                break;
            case ChatDelta.Usage usage:
                Usage = usage;
                break;
            case ChatDelta.State state:
                State = state.Value;
                break;
            case ChatDelta.End end:
                End = end;
                break;
        }
    }

    /// <summary>Hands on what has gathered.</summary>
    public void Flush()
    {
        if (_pending.Length == 0)
        {
            return;
        }

        if (_pendingIsReasoning)
        {
            log.AppendReasoning(_pending.ToString());
        }
        else
        {
            log.AppendContent(_pending.ToString());
        }

        _pending.Clear();
    }

    /// <summary>Hands on everything and closes the reasoning when the answer ended inside it.</summary>
    public void Close()
    {
        EndReasoning();
        Flush();
    }

    private void EndReasoning()
    {
        if (_reasoningSince is not { } since || ReasoningMs is not null)
        {
            return;
        }

        Flush();
        ReasoningMs = (long)clock.GetElapsedTime(since).TotalMilliseconds;
        log.Append(ChatEvent.Reasoning, JsonSerializer.SerializeToUtf8Bytes(new ReasoningDoneEvent(true, ReasoningMs.Value), ApiJson.Wire.ReasoningDoneEvent));
    }

    private void Add(string text, bool reasoning)
    {
        if (_pending.Length > 0 && (_pendingIsReasoning != reasoning || _pending.Length + text.Length > MostPending))
        {
            Flush();
        }

        if ((reasoning ? log.ReasoningLength : log.ContentLength) + text.Length > MostText)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server stores; it was ended here.");
        }

        _pendingIsReasoning = reasoning;
        _pending.Append(text);
    }
}
