using System.Text;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>The tools that a model wants called, and the visible text it said before; without calls the text is not gathered.</summary>
internal sealed record RoundOutput(string Text, IReadOnlyList<ChatToolCall> Calls)
{
    public static readonly RoundOutput NoCalls = new("", []);
}

/// <summary>
/// Gathers what a provider says into a run's log, round after round. Deltas that come without a wait between them go to the log as one.
/// Used by one thread at a time.
/// </summary>
internal sealed class AnswerRecorder(RunLog log, MemoryLease memory, Metrics metrics, TimeProvider clock, bool showReasoning)
{
    /// <summary>Text is handed on at the latest when this much has gathered, so that a burst does not hold it back.</summary>
    private const int MaxPending = 8 * 1024;

    /// <summary>Longest answer and longest reasoning, in characters.</summary>
    private const int MaxText = 2 * 1024 * 1024;

    private const string RoundBreak = "\n\n";

    private readonly long _begun = clock.GetTimestamp();
    private readonly List<string> _pending = [];
    private SortedDictionary<int, PartialCall>? _calls;
    private int _pendingLength;
    private bool _pendingIsReasoning;
    private int _uncounted;
    private long? _reasoningSince;
    private bool _textApart;
    private bool _reasoningApart;

    /// <summary>Who wrote it; null until somebody has begun to.</summary>
    public ResolvedModel? Writer { get; private set; }

    /// <summary>The oldest turns of the branch, which the model that was asked last did not get.</summary>
    public int? TrimmedTurns { get; set; }

    /// <summary>The provider calls that count.</summary>
    public List<LedgerEntry> Calls { get; } = [];

    public ChatDelta.End? End { get; private set; }

    /// <summary>What the provider wants back with the last round in later turns.</summary>
    public string? State { get; private set; }

    public long? FirstTokenMs { get; private set; }

    public long? ReasoningMs { get; private set; }

    public long ElapsedMs => (long)clock.GetElapsedTime(_begun).TotalMilliseconds;

    /// <summary>Takes everything a call says: one round.</summary>
    /// <exception cref="ProviderException">It broke off or is longer than allowed; what came before stays.</exception>
    public async Task<RoundOutput> Relay(StreamingCall call, CancellationToken cancellationToken)
    {
        Writer = call.Model;
        State = null;
        _calls = null;
        var start = log.ContentLength;
        _textApart = Calls.Count > 0 && start > 0;
        _reasoningApart = Calls.Count > 0 && log.ReasoningLength > 0;
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
                    break;
                }

                var delta = call.Take();
                if (showReasoning || delta is not ChatDelta.Reasoning)
                {
                    var room = memory.Add(delta, cancellationToken);
                    if (!room.IsCompleted)
                    {
                        Flush();
                    }

                    await room;
                }

                Take(delta);
            }
        }
        catch (OperationCanceledException) when (call.CutBy is { } reason)
        {
            throw reason;
        }
        finally
        {
            EndReasoning();
            Flush();
        }

        return _calls is null ? RoundOutput.NoCalls
            : new RoundOutput(log.ContentFrom(start).Trim(), [.. _calls.Values.Select(part => new ChatToolCall(part.Id, part.Name, part.Arguments.ToString()))]);
    }

    private void Take(ChatDelta delta)
    {
        switch (delta)
        {
            case ChatDelta.Text text:
                _uncounted++;
                FirstTokenMs ??= ElapsedMs;
                EndReasoning();
                Add(text.Value, reasoning: false);
                break;
            case ChatDelta.Reasoning reasoning:
                _uncounted++;
                FirstTokenMs ??= ElapsedMs;
                _reasoningSince ??= clock.GetTimestamp();
                if (showReasoning)
                {
                    Add(reasoning.Value, reasoning: true);
                }

                break;
            case ChatDelta.ToolCall piece:
                FirstTokenMs ??= ElapsedMs;
                EndReasoning();
                Add(piece);
                break;
            case ChatDelta.State state:
                State = state.Value;
                break;
            case ChatDelta.End end:
                End = end;
                break;
        }
    }

    private void Add(ChatDelta.ToolCall piece)
    {
        _calls ??= [];
        if (!_calls.TryGetValue(piece.Index, out var call))
        {
            _calls[piece.Index] = call = new PartialCall(piece.Id ?? "", piece.Name ?? "", new StringBuilder());
        }

        call.Arguments.Append(piece.ArgumentsFragment);
    }

    /// <summary>Hands on what has gathered.</summary>
    private void Flush()
    {
        if (_pending.Count == 0)
        {
            return;
        }

        var text = _pending.Count == 1 ? _pending[0] : string.Concat(_pending);
        _pending.Clear();
        _pendingLength = 0;
        if (_pendingIsReasoning)
        {
            log.AppendReasoning(text);
        }
        else
        {
            log.AppendContent(text);
        }

        metrics.Streamed(_uncounted);
        _uncounted = 0;
    }

    private void EndReasoning()
    {
        if (_reasoningSince is not { } since)
        {
            return;
        }

        Flush();
        _reasoningSince = null;
        ReasoningMs = (ReasoningMs ?? 0) + (long)clock.GetElapsedTime(since).TotalMilliseconds;
        log.Append(ChatEvent.Reasoning, JsonSerializer.SerializeToUtf8Bytes(new ReasoningDoneEvent(true, ReasoningMs.Value), RunsJson.Wire.ReasoningDoneEvent));
    }

    private void Add(string text, bool reasoning)
    {
        if (_pending.Count > 0 && (_pendingIsReasoning != reasoning || _pendingLength + text.Length > MaxPending))
        {
            Flush();
        }

        ref var apart = ref reasoning ? ref _reasoningApart : ref _textApart;
        text = apart ? RoundBreak + text : text;
        apart = false;
        if ((reasoning ? log.ReasoningLength : log.ContentLength) + text.Length > MaxText)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server stores; it was ended here.");
        }

        _pendingIsReasoning = reasoning;
        _pending.Add(text);
        _pendingLength += text.Length;
    }

    private sealed record PartialCall(string Id, string Name, StringBuilder Arguments);
}
