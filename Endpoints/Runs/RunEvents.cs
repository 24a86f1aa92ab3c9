using System.Text.Json;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>Writes a run's events other than text into its log.</summary>
internal static class RunEvents
{
    /// <summary>What a client needs to show the question and an empty answer, then the text that a continued answer already has.</summary>
    public static void Begin(Run run, Prompt? prompt, TurnVersions versions)
    {
        var createdAt = DateTimeOffset.FromUnixTimeMilliseconds(run.Started.CreatedAt);
        var question = run.Request.Kind == NewRun.Send
            ? new MessageResponse
            {
                Id = run.Started.UserMessageId ?? 0,
                SessionId = run.Session.Id,
                ParentId = run.Started.ParentId,
                Role = "user",
                Content = run.Request.Content,
                Images = prompt?.QuestionImages ?? [],
                ClientMessageId = run.Request.ClientMessageId,
                Status = "done",
                Siblings = versions.Question,
                CreatedAt = createdAt,
            }
            : prompt?.Question is { } row ? MessageView.From(row, versions.Question, prompt.QuestionImages) : null;
        var answer = new MessageResponse
        {
            Id = run.MessageId,
            SessionId = run.Session.Id,
            ParentId = run.Started.UserMessageId,
            Role = "assistant",
            Content = "",
            ConnectionId = run.Model.ConnectionId,
            Model = run.Model.Model,
            Provider = run.Model.Provider,
            Status = "streaming",
            Siblings = versions.Answer,
            CreatedAt = createdAt,
        };
        Start(run.Log, new StartEvent(
            run.Session.Id, question, answer, run.Model.Model, run.Model.ContextLimit, prompt?.PromptTokens ?? 0, prompt?.TrimmedTurns));
        var quota = QuotaResponse.From(run.Started.DailyLimit, run.Started.MessagesUsed, run.StartedAt);
        run.Log.Append(
            ChatEvent.Quota, JsonSerializer.SerializeToUtf8Bytes(quota, RunsJson.Wire.QuotaResponse), more: run.Started.Title is not null);
        if (run.Started.Title is { } title)
        {
            Title(run, title);
        }

        foreach (var known in ToolEvents.Parse(run.Started.PreviousTools))
        {
            Tool(run.Log, known.Event);
        }

        run.Log.AppendReasoning(run.Started.PreviousReasoning ?? "");
        run.Log.AppendContent(run.Started.PreviousContent ?? "");
    }

    public static void Start(RunLog log, StartEvent start) =>
        log.Append(ChatEvent.Start, JsonSerializer.SerializeToUtf8Bytes(start, RunsJson.Wire.StartEvent), more: true);

    public static void Title(Run run, string title) => run.Log.Append(
        ChatEvent.Title, JsonSerializer.SerializeToUtf8Bytes(new TitleEvent(run.Session.Id, title), RunsJson.Wire.TitleEvent));

    public static void Retry(RunLog log, CallRetry retry) => log.Append(ChatEvent.Retry, JsonSerializer.SerializeToUtf8Bytes(
        new RetryEvent(
            retry.Failure.Failure.Code(), retry.Failure.Detail, (long)retry.Wait.TotalMilliseconds,
            retry.Model.ConnectionId, retry.Model.Model, retry.Model.Provider, retry.Model.ConnectionName),
        RunsJson.Wire.RetryEvent));

    public static void Tool(RunLog log, ToolCallResponse call) =>
        log.Append(ChatEvent.Tool, JsonSerializer.SerializeToUtf8Bytes(call, RunsJson.Wire.ToolCallResponse));

    public static void Error(RunLog log, Problem problem) =>
        log.Append(ChatEvent.Error, JsonSerializer.SerializeToUtf8Bytes(problem.Body(null), HttpJson.Wire.ProblemBody));

    /// <summary>The last event, after usage where it is shown. Call it only after the final row is durable.</summary>
    public static void Done(
        RunLog log, FinishedRun finished, UsageResponse? usage, bool showUsage, IReadOnlyList<long> removed,
        IReadOnlyList<ImageResponse>? images)
    {
        if (usage is not null && showUsage)
        {
            log.Append(ChatEvent.Usage, JsonSerializer.SerializeToUtf8Bytes(usage, RunsJson.Wire.UsageResponse), more: true);
        }

        log.Append(ChatEvent.Done, JsonSerializer.SerializeToUtf8Bytes(
            new DoneEvent(
                finished.MessageId, finished.Status, finished.FinishReason, usage, finished.FirstTokenMs, finished.TotalMs,
                finished.ConnectionId, finished.Model, finished.Provider, finished.TrimmedMessages,
                removed.Count > 0 ? removed : null, images),
            RunsJson.Wire.DoneEvent));
    }
}
