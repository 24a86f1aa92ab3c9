using AiChat.Data.Accounts;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>The end of a run as it is stored and as readers get it.</summary>
internal static class RunResult
{
    private const int MaxWord = 64;

    /// <summary>The final row of a run.</summary>
    /// <param name="failure">Why the answer broke off; null when it is complete or was stopped.</param>
    /// <param name="settings">Whether reasoning may be stored, and how many answers to a question are kept.</param>
    public static FinishedRun From(Run run, AnswerRecorder recorder, ProviderException? failure, SystemSettings settings)
    {
        var (content, reasoning, _) = run.Log.Snapshot();
        var keep = run.Options.SaveReasoning && settings.ReasoningSaveToDb;
        if (!keep && content.Length == 0 && recorder.End is { Reason: FinishReason.Stop } && run.Log.Tools() is null)
        {
            // A model that never ended its thinking said all of its answer there.
            content = reasoning ?? "";
        }

        var status = run.StoppedAs ?? (failure is null ? "done" : "failed");
        var writer = recorder.Writer ?? run.Model;
        var used = Sum(recorder.Calls);
        return new FinishedRun
        {
            RunId = run.Started.RunId,
            UserId = run.UserId,
            SessionId = run.Session.Id,
            MessageId = run.MessageId,
            Status = status,
            Content = content,
            Reasoning = keep ? reasoning : null,
            ReasoningMs = recorder.ReasoningMs,
            ToolCalls = run.Log.Tools(),
            Layout = run.Log.Layout(),
            Images = recorder.Pictures,
            ProviderState = recorder.State,
            ErrorCode = status switch { "failed" => failure?.Failure.Code(), "interrupted" => "interrupted", _ => null },
            ErrorDetail = status switch
            {
                "failed" => failure?.Detail,
                "interrupted" => "The server stopped while this was being written.",
                _ => null,
            },
            FinishReason = recorder.End is { } end ? Word(end) : null,
            ConnectionId = writer.ConnectionId,
            Model = writer.Model,
            Provider = writer.Provider,
            PromptTokens = used.Prompt,
            CompletionTokens = used.Completion,
            ReasoningTokens = used.Reasoning,
            CachedTokens = used.Cached,
            CostNanos = used.Cost,
            SavedNanos = used.Saved,
            UsageSource = recorder.Calls.Count == 0 ? null : used.IsEstimate ? "estimate" : "provider",
            FirstTokenMs = recorder.FirstTokenMs,
            TotalMs = recorder.ElapsedMs,
            TrimmedMessages = recorder.TrimmedTurns,
            KeptVersions = run.Request.Kind == NewRun.Regenerate ? settings.AssistantReplyHistoryLimit : 0,
            Reservation = run.Started.Reservation!,
            Calls = status == "failed" && recorder.Calls.Count == 0 ? [Place(run).Failed(run.Model)] : recorder.Calls,
        };
    }

    /// <summary>What the calls used together. Cost and Saved are null when no call had a price.</summary>
    private static (long Prompt, long Completion, long Reasoning, long Cached, long? Cost, long? Saved, bool IsEstimate) Sum(
        List<LedgerEntry> calls)
    {
        var (prompt, completion, reasoning, cached, cost, saved) = (0L, 0L, 0L, 0L, 0L, 0L);
        var (isPriced, isEstimate) = (false, false);
        foreach (var call in calls)
        {
            prompt += call.PromptTokens;
            completion += call.CompletionTokens;
            reasoning += call.ReasoningTokens;
            cached += call.CachedTokens;
            cost += call.CostNanos;
            saved += call.SavedNanos;
            isPriced |= call.Price is not null;
            isEstimate |= call.Source != "provider";
        }

        return (prompt, completion, reasoning, cached, isPriced ? cost : null, isPriced ? saved : null, isEstimate);
    }

    /// <summary>What the run used; null when no provider did work that counts.</summary>
    public static UsageResponse? Usage(FinishedRun run) => run.UsageSource is not { } source ? null : new UsageResponse(
        run.PromptTokens,
        run.CompletionTokens,
        run.ReasoningTokens,
        run.CachedTokens,
        run.PromptTokens + run.CompletionTokens,
        QuotaPolicy.Amount(run.CostNanos),
        QuotaPolicy.Amount(run.SavedNanos),
        source);

    /// <summary>Where the calls of a run are entered in the ledger.</summary>
    public static CallPlace Place(Run run) => new(run.UserId)
    {
        SessionId = run.Session.Id,
        MessageId = run.MessageId,
        RunId = run.Started.RunId,
        ApiKeyId = run.Started.Reservation?.ApiKeyId,
    };

    /// <summary>The provider's own word where it has no meaning here.</summary>
    private static string Word(ChatDelta.End end) => end.Reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.ToolCalls => "tool_calls",
        FinishReason.ContentFilter => "content_filter",
        FinishReason.Other => end.Raw is { Length: > 0 } raw ? raw[..Math.Min(raw.Length, MaxWord)] : "other",
    };
}
