using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Runs;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// The events of a recorded request, in the order in which they happen. They name no type of the rooms that tell them. People read the
/// names of events and members, so these stay as they are.
/// </summary>
internal static class RunTracing
{
    /// <summary>A person asks in the chat.</summary>
    public static void Asked(
        this RunTrace trace, NewRun request, ResolvedModel model, bool contextEnabled, bool? reasoning, ReasoningEffort? effort,
        bool? webSearch)
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
            .Flag("contextEnabled", contextEnabled)
            .Flag("reasoning", reasoning)
            .Text("effort", effort?.ToString().ToLowerInvariant())
            .Flag("webSearch", webSearch));
    }

    /// <summary>A program asks through the compatible API.</summary>
    public static void AskedByKey(this RunTrace trace, long? apiKeyId, IReadOnlyList<ChatTurn> turns, ResolvedModel model, bool stream) =>
        trace.Add("request", json => json
            .Number("apiKeyId", apiKeyId)
            .Flag("stream", stream)
            .Number("turns", turns.Count)
            .Number("images", turns.Sum(turn => turn.Images.Count))
            .Written("content", turns is [.., var last] ? last.Text : null)
            .Text("provider", model.Provider)
            .Number("connectionId", model.ConnectionId)
            .Text("connection", model.ConnectionName)
            .Text("model", model.Model));

    /// <summary>Records the end of a call through the compatible API, however it ends.</summary>
    public static async Task<IResult> WatchCall(this RunTrace trace, Task<IResult> work)
    {
        var result = await trace.Watch(work);
        if (result is Problem problem)
        {
            trace.End("failed", json => json.Text("status", "failed").Text("code", problem.Code).Number("httpStatus", problem.Status));
        }
        else if (trace.HasFailed)
        {
            trace.End("failed", json => json.Text("status", "failed"));
        }
        else
        {
            trace.End("completed", json => json.Text("status", "done"));
        }

        return result;
    }

    /// <summary>Records the end of the request when this work throws.</summary>
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

    /// <summary>The start was refused, or the same request had started this answer before; a new start is <see cref="Started"/>.</summary>
    public static void Answered(this RunTrace trace, Problem? problem, bool repeated, long messageId)
    {
        if (problem is not null)
        {
            trace.Add("gate", json => json
                .Flag("admitted", false)
                .Text("code", problem.Code)
                .Number("status", problem.Status)
                .Number("retryAfterS", problem.RetryAfter));
            trace.End("failed", json => json.Text("status", "refused").Text("code", problem.Code));
        }
        else if (repeated)
        {
            trace.Add("gate", json => json.Flag("admitted", true).Flag("repeated", true).Number("messageId", messageId));
            trace.End("completed", json => json.Text("status", "repeated"));
        }
    }

    /// <summary>The run is stored and its reservation is held.</summary>
    public static void Started(this RunTrace trace, StartedRun started, long sessionId)
    {
        trace.Place(sessionId, started.MessageId);
        trace.Add("gate", json => json
            .Flag("admitted", true)
            .Number("dailyLimit", started.DailyLimit)
            .Number("messagesUsed", started.MessagesUsed)
            .Number("heldTokens", started.Reservation?.Tokens)
            .Number("runId", started.RunId)
            .Number("questionId", started.UserMessageId)
            .Number("messageId", started.MessageId));
    }

    /// <summary>The prompt is built.</summary>
    public static void Context(
        this RunTrace trace, string? systemPrompt, IReadOnlyList<ChatTurn> turns, int trimmedTurns, int promptTokens, int contextLimit) =>
        trace.Add("context", json => json
            .Number("turns", turns.Count)
            .Number("trimmedTurns", trimmedTurns)
            .Number("images", turns.Sum(turn => turn.Images.Count))
            .Number("promptTokens", promptTokens)
            .Number("contextLimit", contextLimit)
            .Written("systemPrompt", systemPrompt));

    /// <summary>A model is asked for the first time; its retries until the first token count as further attempts.</summary>
    public static void Calling(this RunTrace trace, ChatRequest request)
    {
        var attempt = ++trace.Attempts;
        trace.Add("upstream.request", json => json
            .Number("attempt", attempt)
            .Text("provider", request.Endpoint.Provider)
            .Number("connectionId", request.Endpoint.ConnectionId)
            .Text("host", request.Endpoint.BaseUrl.Authority)
            .Text("model", request.Model)
            .Number("turns", request.Turns.Count)
            .Number("tools", request.Tools.Count)
            .Text("toolChoice", request.ToolChoice)
            .Number("maxOutputTokens", request.Sampling.MaxOutputTokens)
            .Flag("reasoning", request.Reasoning.Enabled)
            .Number("timeoutMs", (long)request.Timeouts.Total.TotalMilliseconds));
    }

    /// <summary>An attempt failed before its first token; the next one asks this model, which may be another, after this wait.</summary>
    public static void Retrying(this RunTrace trace, ResolvedModel next, ProviderException failure, TimeSpan wait)
    {
        trace.Attempts += wait > TimeSpan.Zero ? 1 : 0;
        trace.Add("upstream.retry", json => Failure(json, trace, failure)
            .Number("waitMs", (long)wait.TotalMilliseconds)
            .Number("nextConnectionId", next.ConnectionId)
            .Text("nextModel", next.Model));
    }

    /// <summary>The first delta has arrived.</summary>
    /// <param name="trace">The recorded request.</param>
    /// <param name="model">The model that answers.</param>
    /// <param name="callMs">Time since the call began.</param>
    /// <param name="elapsedMs">Time since the request began.</param>
    public static void FirstToken(this RunTrace trace, ResolvedModel model, long callMs, long elapsedMs) =>
        trace.Add("upstream.first", json => json
            .Number("connectionId", model.ConnectionId)
            .Text("model", model.Model)
            .Number("callMs", callMs)
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

    // What a failed call records in every event that names it.
    private static TracePayload Failure(TracePayload json, RunTrace trace, ProviderException failure) => json
        .Text("code", failure.Failure.Code())
        .Number("status", failure.UpstreamStatus)
        .Text("detail", trace.ShowsDetail ? failure.Detail : null)
        .Number("detailChars", failure.Detail.Length)
        .Number("retryAfterMs", (long?)failure.RetryAfter?.TotalMilliseconds);
}
