using System.Text;
using System.Text.Json;
using AiChat.Data;
using AiChat.Endpoints.Http;
using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>
/// Gathers what a provider says into a run's log. Deltas that come without a wait between them go to the log as one.
/// Used by one thread at a time.
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

    /// <summary>Who wrote it; null until somebody has begun to.</summary>
    public ResolvedModel? Writer { get; private set; }

    /// <summary>The provider calls that count.</summary>
    public List<LedgerEntry> Calls { get; } = [];

    public ChatDelta.End? End { get; private set; }

    /// <summary>What the provider wants back in later turns.</summary>
    public string? State { get; private set; }

    public long? FirstTokenMs { get; private set; }

    public long? ReasoningMs { get; private set; }

    public long ElapsedMs => (long)clock.GetElapsedTime(_begun).TotalMilliseconds;

    /// <summary>Takes everything a call says.</summary>
    /// <exception cref="ProviderException">It broke off or is longer than allowed; what came before stays.</exception>
    public async Task Relay(OpenCall call)
    {
        Writer = call.Model;
        try
        {
            while (true)
            {
                var next = call.MoveNextAsync();
                if (!next.IsCompleted)
                {
                    Flush();
                }

                if (!await next)
                {
                    return;
                }

                Take(call.Take());
            }
        }
        finally
        {
            EndReasoning();
            Flush();
        }
    }

    private void Take(ChatDelta delta)
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
            case ChatDelta.State state:
                State = state.Value;
                break;
            case ChatDelta.End end:
                End = end;
                break;
        }
    }

    /// <summary>Hands on what has gathered.</summary>
    private void Flush()
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
