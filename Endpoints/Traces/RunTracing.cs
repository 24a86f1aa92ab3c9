using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Compat;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Traces;

/// <summary>What can be told of a request, in the order in which it happens. The types are read by people and kept stable.</summary>
internal static class RunTracing
{
    public static void Asked(this RunTrace trace, NewRun request, ResolvedModel model, RunOptions options)
    {
        trace.Place(request.SessionId, null);
        trace.Add("request", json => json
            .Text("kind", request.Kind)
            .Text("clientMessageId", request.ClientMessageId)
            .Number("targetId", request.TargetId)
            .Written("content", request.Content)
            .Number("images", request.ImageIds.Count)
            .Text("provider", model.Provider)
            .Number("connectionId", model.ConnectionId)
            .Text("connection", model.ConnectionName)
            .Text("model", model.Model)
            .Flag("contextEnabled", options.ContextEnabled)
            .Flag("reasoning", options.ReasoningEnabled)
            .Text("effort", options.Effort?.ToString().ToLowerInvariant())
            .Flag("webSearch", options.WebSearch));
    }

    /// <summary>A program asks, by a protocol of another vendor.</summary>
    public static void AskedByKey(this RunTrace trace, CompatRequest request, ResolvedModel model, long? apiKeyId) => trace.Add("request", json => json
        .Number("apiKeyId", apiKeyId)
        .Flag("stream", request.Stream)
        .Number("turns", request.Turns.Count)
        .Number("images", request.Turns.Sum(turn => turn.Images.Count))
        .Written("content", request.Turns is [.., var last] ? last.Text : null)
        .Text("provider", model.Provider)
        .Number("connectionId", model.ConnectionId)
        .Text("connection", model.ConnectionName)
        .Text("model", model.Model));

    /// <summary>Records the end of a call by a program, however it ends.</summary>
    public static async Task<IResult> WatchCall(this RunTrace trace, Task<IResult> work)
    {
        var result = await trace.Watch(work);
        trace.DoorClosed(result as Problem);
        return result;
    }

    /// <summary>Records that this work failed on our side or was given up, if it does.</summary>
    public static async Task<T> Watch<T>(this RunTrace trace, Task<T> work)
    {
        try
        {
            return await work;
        }
        catch (Exception error)
        {
            var status = error is OperationCanceledException ? "stopped" : "failed";
            trace.End(status, json => json.Text("status", status).Text("code", error.GetType().Name));
            throw;
        }
    }

    private static void DoorClosed(this RunTrace trace, Problem? problem)
    {
        if (problem is not null || trace.HasFailed)
        {
            trace.End("failed", json => json.Text("status", "failed").Text("code", problem?.Code).Number("httpStatus", problem?.Status));
        }
        else
        {
            trace.End("completed", json => json.Text("status", "done"));
        }
    }

    /// <summary>The gate and the run limits have spoken.</summary>
    public static void Answered(this RunTrace trace, Problem? problem, bool repeated, long messageId)
    {
        if (problem is not null)
        {
            trace.Add("gate", json => json.Flag("admitted", false).Text("code", problem.Code).Number("status", problem.Status).Number("retryAfterS", problem.RetryAfter));
            trace.End("failed", json => json.Text("status", "refused").Text("code", problem.Code));
        }
        else if (repeated)
        {
            trace.Add("gate", json => json.Flag("admitted", true).Flag("repeated", true).Number("messageId", messageId));
            trace.End("completed", json => json.Text("status", "repeated"));
        }
    }

    public static void Started(this RunTrace trace, StartedRun started, long sessionId)
    {
        trace.Place(sessionId, started.MessageId);
        trace.Add("gate", json => json
            .Flag("admitted", true)
            .Number("dailyLimit", started.DailyLimit)
            .Number("messagesUsed", started.MessagesUsed)
            .Number("heldTokens", started.Hold?.Tokens)
            .Number("runId", started.RunId)
            .Number("questionId", started.UserMessageId)
            .Number("messageId", started.MessageId));
    }

    public static void Context(this RunTrace trace, Prompt prompt) => trace.Add("context", json => json
        .Number("turns", prompt.Turns.Count)
        .Number("trimmedTurns", prompt.TrimmedTurns)
        .Number("images", prompt.Turns.Sum(turn => turn.Images.Count))
        .Number("promptTokens", prompt.PromptTokens)
        .Number("contextLimit", prompt.ContextLimit)
        .Written("systemPrompt", prompt.SystemPrompt));

    /// <summary>A model is asked; what follows until the first token are attempts at the same.</summary>
    public static void Calling(this RunTrace trace, ResolvedModel model, ProviderEndpoint endpoint, ChatRequest request)
    {
        var attempt = ++trace.Attempts;
        trace.Add("upstream.request", json => json
            .Number("attempt", attempt)
            .Text("provider", model.Provider)
            .Number("connectionId", model.ConnectionId)
            .Text("host", endpoint.BaseUrl.Authority)
            .Text("model", request.Model)
            .Number("turns", request.Turns.Count)
            .Number("tools", request.Tools.Count)
            .Text("toolChoice", request.ToolChoice)
            .Number("maxOutputTokens", request.Sampling.MaxOutputTokens)
            .Flag("reasoning", request.Reasoning.Enabled)
            .Number("timeoutMs", (long)request.Timeouts.Total.TotalMilliseconds));
    }

    /// <summary>An attempt failed before its first token; the next may ask another model.</summary>
    public static void Retrying(this RunTrace trace, CallRetry retry)
    {
        trace.Attempts += retry.Wait > TimeSpan.Zero ? 1 : 0;
        trace.Add("upstream.retry", json => Failure(json, trace, retry.Failure)
            .Number("waitMs", (long)retry.Wait.TotalMilliseconds)
            .Number("nextConnectionId", retry.Model.ConnectionId)
            .Text("nextModel", retry.Model.Model));
    }

    public static void FirstToken(this RunTrace trace, StreamingCall call, long elapsedMs) => trace.Add("upstream.first", json => json
        .Number("connectionId", call.Model.ConnectionId)
        .Text("model", call.Model.Model)
        .Number("callMs", call.FirstMs)
        .Number("elapsedMs", elapsedMs));

    public static void Used(this RunTrace trace, LedgerEntry entry) => trace.Add("usage", json => json
        .Text("status", entry.Status)
        .Text("model", entry.Model)
        .Number("promptTokens", entry.PromptTokens)
        .Number("completionTokens", entry.CompletionTokens)
        .Number("reasoningTokens", entry.ReasoningTokens)
        .Number("cachedTokens", entry.CachedTokens)
        .Text("source", entry.Source)
        .Number("costNanos", entry.CostNanos)
        .Number("firstTokenMs", entry.FirstTokenMs)
        .Number("totalMs", entry.TotalMs));

    public static void ToolsCalled(this RunTrace trace, int round, IReadOnlyList<ChatToolCall> calls)
    {
        foreach (var call in calls)
        {
            trace.Add("tool.call", json => json.Number("round", round).Text("tool", call.Name).Written("arguments", call.Arguments));
        }
    }

    public static void ToolsAnswered(this RunTrace trace, int round, IReadOnlyList<ChatTurn> results)
    {
        foreach (var result in results)
        {
            trace.Add("tool.result", json => json.Number("round", round).Flag("failed", result.ToolFailed).Written("result", result.Text));
        }
    }

    public static void Attached(this RunTrace trace, long after) => trace.Add("stream.attach", json => json.Number("after", after));

    public static void Detached(this RunTrace trace, bool clientGone, bool ended) =>
        trace.Add("stream.detach", json => json.Flag("clientGone", clientGone).Flag("answerEnded", ended));

    public static void StopAsked(this RunTrace trace, string status) => trace.Add("stop", json => json.Text("as", status));

    public static void Failed(this RunTrace trace, ProviderException failure)
    {
        trace.HasFailed = true;
        trace.Add("error", json => Failure(json, trace, failure));
    }

    public static void NotStored(this RunTrace trace, StoreException error) =>
        trace.Add("persist.error", json => json.Text("failure", error.Failure.ToString()));

    public static void Finished(this RunTrace trace, FinishedRun run, bool stored)
    {
        trace.Add("persist.final", json => json.Flag("stored", stored).Written("content", run.Content).Written("reasoning", run.Reasoning));
        trace.End(run.Status switch { "done" => "completed", "stopped" => "stopped", _ => "failed" }, json => json
            .Text("status", run.Status)
            .Text("code", run.ErrorCode)
            .Text("finishReason", run.FinishReason)
            .Text("model", run.Model)
            .Number("promptTokens", run.PromptTokens)
            .Number("completionTokens", run.CompletionTokens)
            .Number("firstTokenMs", run.FirstTokenMs)
            .Number("totalMs", run.TotalMs));
    }

    private static TracePayload Failure(TracePayload json, RunTrace trace, ProviderException failure) => json
        .Text("code", failure.Failure.Code())
        .Number("status", failure.UpstreamStatus)
        .Text("detail", trace.ShowsDetail ? failure.Detail : null)
        .Number("detailChars", failure.Detail.Length)
        .Number("retryAfterMs", (long?)failure.RetryAfter?.TotalMilliseconds);
}
