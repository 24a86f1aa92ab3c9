using System.Text.Json;
using AiChat.Data;
using AiChat.Endpoints.Http;
using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>
/// Carries one run from its stored start to its stored end: builds the prompt, relays the provider into the log and writes the
/// result once. It takes no part in who reads the log.
/// </summary>
internal sealed partial class ChatRunner(
    Runs runs,
    PromptBuilder prompts,
    ModelCatalog catalog,
    ProviderRegistry providers,
    SystemSettings settings,
    TimeProvider clock,
    ILogger<ChatRunner> logger)
{
    private static readonly TimeSpan FinishRetry = TimeSpan.FromSeconds(1);

    /// <summary>Runs to the end whatever happens; never throws. Completes after the final row is durable.</summary>
    /// <param name="abandon">Ends the attempts to write the final row: the process stops and the next start will sweep.</param>
    public async Task Execute(ChatRun run, CancellationToken abandon)
    {
        var answer = new Answer(run.Log, clock, settings.ReasoningEnabled);
        var promptTokens = 0;
        ProviderException? failure = null;
        try
        {
            var prompt = await prompts.Build(
                run.Session, run.Started.UserMessageId ?? run.MessageId, run.Started.PreviousContent, run.Model, run.Options.ContextEnabled);
            promptTokens = prompt.PromptTokens;
            Begin(run, prompt);
            await Relay(run, prompt, answer);
        }
        catch (OperationCanceledException) when (run.StoppedAs is not null)
        {
            // Ended early on purpose; what came is kept.
        }
        catch (ProviderException error)
        {
            failure = error;
        }
        catch (Exception error)
        {
            LogFailed(logger, run.MessageId, error);
            failure = new ProviderException(ProviderFailure.Protocol, "Something failed on the server while answering.");
        }

        await Finish(run, answer, promptTokens, failure, abandon);
        run.MarkEnded();
    }

    private static void Begin(ChatRun run, Prompt prompt)
    {
        var now = run.StartedAt;
        var question = run.Request.Kind == NewRun.Send
            ? new MessageResponse
            {
                Id = run.Started.UserMessageId ?? 0,
                SessionId = run.Session.Id,
                ParentId = run.Started.ParentId,
                Role = "user",
                Content = run.Request.Content,
                ClientMessageId = run.Request.ClientMessageId,
                Status = "done",
                CreatedAt = now,
            }
            : null;
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
            CreatedAt = now,
        };
        Append(run, ChatEvent.Start, JsonSerializer.SerializeToUtf8Bytes(
            new StartEvent(run.Session.Id, question, answer, run.Model.Model, prompt.ContextLimit, prompt.PromptTokens), ApiJson.Wire.StartEvent));
        var quota = QuotaResponse.Of(run.Started.DailyLimit, run.Started.MessagesUsed, now);
        Append(run, ChatEvent.Quota, JsonSerializer.SerializeToUtf8Bytes(quota, ApiJson.Wire.QuotaResponse));
        if (run.Started.Title is { } title)
        {
            Append(run, ChatEvent.Title, JsonSerializer.SerializeToUtf8Bytes(new TitleEvent(run.Session.Id, title), ApiJson.Wire.TitleEvent));
        }

        run.Log.AppendReasoning(run.Started.PreviousReasoning ?? "");
        run.Log.AppendContent(run.Started.PreviousContent ?? "");
    }

    private async Task Relay(ChatRun run, Prompt prompt, Answer answer)
    {
        var request = new ChatRequest
        {
            Endpoint = catalog.Endpoint(run.Model),
            Model = run.Model.Model,
            SystemPrompt = prompt.SystemPrompt,
            Turns = prompt.Turns,
            Sampling = SessionParameters.Parse(run.Session.Parameters).ToSampling(),
            Reasoning = settings.ReasoningFor(run.Options),
            Timeouts = settings.Timeouts,
        };
        await using var deltas = providers.Get(run.Model.Provider).StreamAsync(request, run.Stopping).GetAsyncEnumerator(run.Stopping);
        try
        {
            while (true)
            {
                var next = deltas.MoveNextAsync();
                if (!next.IsCompleted)
                {
                    answer.Flush();
                }

                if (!await next)
                {
                    return;
                }

                answer.Take(deltas.Current);
            }
        }
        finally
        {
            answer.Close();
        }
    }

    private async Task Finish(ChatRun run, Answer answer, int promptTokens, ProviderException? failure, CancellationToken abandon)
    {
        if (failure is not null && run.StoppedAs is null)
        {
            Append(run, ChatEvent.Error, Error(failure));
        }

        var finished = Result(run, answer, promptTokens, failure);
        var reported = false;
        while (true)
        {
            try
            {
                if (!await runs.Finish(finished, clock.GetUtcNow()))
                {
                    LogGone(logger, run.MessageId);
                }

                break;
            }
            catch (StoreException error) when (!abandon.IsCancellationRequested)
            {
                // The text stays in memory, readers have it, and the end is told only when it is on disk.
                LogNotStored(logger, run.MessageId, error);
                if (!reported)
                {
                    reported = true;
                    Append(run, ChatEvent.Error, JsonSerializer.SerializeToUtf8Bytes(Problems.FromStore(error).Body(null), ApiJson.Wire.ProblemBody));
                }

                await Task.Delay(FinishRetry, clock, CancellationToken.None);
            }
            catch (StoreException error)
            {
                LogNotStored(logger, run.MessageId, error);
                return;
            }
        }

        var usage = finished.Charged
            ? new UsageResponse(
                finished.PromptTokens, finished.CompletionTokens, finished.ReasoningTokens, finished.CachedTokens,
                finished.PromptTokens + finished.CompletionTokens, run.Model.Price is null ? null : finished.CostNanos / 1_000_000_000m, finished.UsageSource)
            : null;
        if (usage is not null && settings.UsageEmit)
        {
            Append(run, ChatEvent.Usage, JsonSerializer.SerializeToUtf8Bytes(usage, ApiJson.Wire.UsageResponse));
        }

        Append(run, ChatEvent.Done, JsonSerializer.SerializeToUtf8Bytes(
            new DoneEvent(run.MessageId, finished.Status, finished.FinishReason, usage, finished.FirstTokenMs, finished.TotalMs), ApiJson.Wire.DoneEvent));
    }

    private FinishedRun Result(ChatRun run, Answer answer, int promptTokens, ProviderException? failure)
    {
        var (content, reasoning, _) = run.Log.Snapshot();
        var reported = answer.Usage is { PromptTokens: not null } or { CompletionTokens: not null };
        var produced = TokenEstimate.Of(content.AsSpan(Math.Min(content.Length, run.Started.PreviousContent?.Length ?? 0))) + TokenEstimate.Of(reasoning);
        var prompt = answer.Usage?.PromptTokens ?? promptTokens;
        var completion = answer.Usage?.CompletionTokens ?? produced;
        var status = run.StoppedAs ?? (failure is null ? "done" : "failed");
        return new FinishedRun
        {
            RunId = run.Started.RunId,
            UserId = run.UserId,
            SessionId = run.Session.Id,
            MessageId = run.MessageId,
            Status = status,
            Content = content,
            Reasoning = run.Options.SaveReasoning && settings.ReasoningSaveToDb ? reasoning : null,
            ReasoningMs = answer.ReasoningMs,
            Layout = run.Log.Layout(),
            ProviderState = answer.State,
            ErrorCode = status switch { "failed" => failure?.Failure.Code(), "interrupted" => "interrupted", _ => null },
            ErrorDetail = status switch { "failed" => failure?.Detail, "interrupted" => "The server stopped while this was being written.", _ => null },
            FinishReason = answer.End is { } end ? Word(end.Reason) : null,
            ConnectionId = run.Model.ConnectionId,
            Model = run.Model.Model,
            Provider = run.Model.Provider,
            PromptTokens = prompt,
            CompletionTokens = completion,
            ReasoningTokens = answer.Usage?.ReasoningTokens ?? 0,
            CachedTokens = answer.Usage?.CachedTokens ?? 0,
            CostNanos = run.Model.Price?.CostNanos(prompt, completion, answer.Usage?.CachedTokens ?? 0) ?? 0,
            Price = run.Model.Price?.ToJson(),
            UsageSource = reported ? "provider" : "estimate",
            FirstTokenMs = answer.FirstTokenMs,
            TotalMs = answer.ElapsedMs,
            Hold = run.Started.Hold!,
            Charged = answer.HasOutput,
        };
    }

    private static byte[] Error(ProviderException failure) =>
        JsonSerializer.SerializeToUtf8Bytes(Problems.FromProvider(failure).Body(null), ApiJson.Wire.ProblemBody);

    private static void Append(ChatRun run, string type, byte[] json) => run.Log.Append(type, json);

    private static string Word(FinishReason reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.ToolCalls => "tool_calls",
        FinishReason.ContentFilter => "content_filter",
        FinishReason.Other => "other",
    };

    [LoggerMessage(LogLevel.Error, "The answer {MessageId} failed on our side")]
    private static partial void LogFailed(ILogger logger, long messageId, Exception error);

    [LoggerMessage(LogLevel.Warning, "The end of answer {MessageId} could not be stored yet")]
    private static partial void LogNotStored(ILogger logger, long messageId, Exception error);

    [LoggerMessage(LogLevel.Debug, "The answer {MessageId} had been removed when it ended")]
    private static partial void LogGone(ILogger logger, long messageId);
}
