using System.Text;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Data.Images;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>The tool calls of one round and the visible text before them; the text is empty when there are no calls.</summary>
internal sealed record RoundOutput(string Text, IReadOnlyList<ChatToolCall> Calls)
{
    public static readonly RoundOutput NoCalls = new("", []);
}

/// <summary>
/// Writes what a provider sends into a run's log, round after round, and measures it. Deltas that arrive without a wait between them
/// become one entry of the log. Used by one thread at a time.
/// </summary>
internal sealed class AnswerRecorder(
    RunLog log, MemoryLease memory, AnswerPictures pictures, Metrics metrics, TimeProvider clock, bool showReasoning)
{
    /// <summary>Characters after which pending text goes to the log even within a burst, so that readers do not wait for it.</summary>
    private const int MaxPending = 8 * 1024;

    private const string RoundBreak = "\n\n";

    /// <summary>The step that tells of a picture that could not be kept.</summary>
    private const string PictureStep = "picture";

    private readonly long _begun = clock.GetTimestamp();
    private readonly List<string> _pending = [];
    private SortedDictionary<int, PartialCall>? _calls;
    private int _pendingLength;
    private bool _pendingIsReasoning;
    private int _uncounted;
    private long? _reasoningSince;
    private bool _textApart;
    private bool _reasoningApart;
    private int _start;
    private long? _textSince;

    /// <summary>The model that writes the answer; null before the first token.</summary>
    public ResolvedModel? Writer { get; private set; }

    /// <summary>How many of the branch's oldest turns were not sent to the model that was asked last.</summary>
    public int? TrimmedTurns { get; set; }

    /// <summary>The ledger entries of the provider calls that count.</summary>
    public List<LedgerEntry> Calls { get; } = [];

    /// <summary>The pictures of the answer.</summary>
    public IReadOnlyList<StoredImage> Pictures => pictures.Kept;

    /// <summary>How the last round ended; null when it broke off.</summary>
    public ChatDelta.End? End { get; private set; }

    /// <summary>Opaque state that the provider expects back with the last round in later turns.</summary>
    public string? State { get; private set; }

    public long? FirstTokenMs { get; private set; }

    public long? ReasoningMs { get; private set; }

    public long ElapsedMs => (long)clock.GetElapsedTime(_begun).TotalMilliseconds;

    /// <summary>Relays one call to its end: one round of the answer.</summary>
    /// <exception cref="ProviderException">The call broke off or the answer is too long; the text so far stays in the log.</exception>
    public async Task<RoundOutput> Relay(StreamingCall call, CancellationToken cancellationToken)
    {
        Writer = call.Model;
        State = null;
        _calls = null;
        var start = log.ContentLength;
        _start = start;
        _textSince = null;
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
                    var reserving = memory.Add(delta, cancellationToken);
                    if (!reserving.IsCompleted)
                    {
                        Flush();
                    }

                    await reserving;
                }

                if (delta is ChatDelta.Image picture)
                {
                    Flush();
                    FirstTokenMs ??= ElapsedMs;
                    if (await pictures.Keep(picture, cancellationToken) is { } reason)
                    {
                        RunEvents.Tool(log, new ToolCallResponse($"t{log.Position}", PictureStep, "failed", "{}", Error: reason));
                    }
                }
                else
                {
                    Take(delta);
                }
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

        if (_calls is null)
        {
            return RoundOutput.NoCalls;
        }

        var calls = _calls.Values.Select(part => new ChatToolCall(part.Id, part.Name, part.Arguments.ToString()));
        return new RoundOutput(log.ContentFrom(start).Trim(), [.. calls]);
    }

    private void Take(ChatDelta delta)
    {
        switch (delta)
        {
            case ChatDelta.Text text:
                _uncounted++;
                FirstTokenMs ??= ElapsedMs;
                _textSince ??= clock.GetTimestamp();
                EndReasoning();
                Add(text.Value, reasoning: false);
                break;
            case ChatDelta.TextWasReasoning:
                TakeBack();
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
            case ChatDelta.Sources sources:
                Cite(sources.Pages);
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

    /// <summary>Writes the pending text to the log.</summary>
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

    /// <summary>Shows the provider's own sources like those of a search here.</summary>
    private void Cite(IReadOnlyList<ChatSource> pages)
    {
        Flush();
        IReadOnlyList<SearchResult> results =
            [.. pages.Select((page, at) => new SearchResult(at + 1, page.Title, page.Url, page.Text))];
        var json = JsonSerializer.Serialize(results, CallsJson.Wire.IReadOnlyListSearchResult);
        RunEvents.Tool(log, new ToolCallResponse($"t{log.Position}", SearchCalls.Name, "succeeded", "{}", json));
    }

    /// <summary>Moves the text of this round to the reasoning; it goes where reasoning is not shown.</summary>
    private void TakeBack()
    {
        Flush();
        if (_textSince is { } since)
        {
            ReasoningMs = (ReasoningMs ?? 0) + (long)clock.GetElapsedTime(since).TotalMilliseconds;
        }

        _textSince = null;
        _textApart = Calls.Count > 0 && _start > 0;
        log.TakeBack(_start, showReasoning);
        var done = new ReasoningDoneEvent(true, ReasoningMs ?? 0, _start);
        log.Append(ChatEvent.Reasoning, JsonSerializer.SerializeToUtf8Bytes(done, RunsJson.Wire.ReasoningDoneEvent));
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
        var done = new ReasoningDoneEvent(true, ReasoningMs.Value);
        log.Append(ChatEvent.Reasoning, JsonSerializer.SerializeToUtf8Bytes(done, RunsJson.Wire.ReasoningDoneEvent));
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
        if ((reasoning ? log.ReasoningLength : log.ContentLength) + text.Length > DeltaWriter.MaxText)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server stores; it was ended here.");
        }

        _pendingIsReasoning = reasoning;
        _pending.Add(text);
        _pendingLength += text.Length;
    }

    private sealed record PartialCall(string Id, string Name, StringBuilder Arguments);
}
