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
        var isPriced = recorder.Calls.Any(call => call.Price is not null);
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
            PromptTokens = recorder.Calls.Sum(call => call.PromptTokens),
            CompletionTokens = recorder.Calls.Sum(call => call.CompletionTokens),
            ReasoningTokens = recorder.Calls.Sum(call => call.ReasoningTokens),
            CachedTokens = recorder.Calls.Sum(call => call.CachedTokens),
            CostNanos = isPriced ? recorder.Calls.Sum(call => call.CostNanos) : null,
            SavedNanos = isPriced ? recorder.Calls.Sum(call => call.SavedNanos) : null,
            UsageSource = recorder.Calls.Count == 0 ? null
                : recorder.Calls.All(call => call.Source == "provider") ? "provider"
                : "estimate",
            FirstTokenMs = recorder.FirstTokenMs,
            TotalMs = recorder.ElapsedMs,
            TrimmedMessages = recorder.TrimmedTurns,
            KeptVersions = run.Request.Kind == NewRun.Regenerate ? settings.AssistantReplyHistoryLimit : 0,
            Reservation = run.Started.Reservation!,
            Calls = status == "failed" && recorder.Calls.Count == 0 ? [Place(run).Failed(run.Model)] : recorder.Calls,
        };
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
