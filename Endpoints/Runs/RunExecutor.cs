using AiChat.Data;
using AiChat.Data.Chats;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Carries one run from its stored start to its stored end: builds the prompt, has the answer written into the log and stores the
/// result once. It takes no part in who reads the log.
/// </summary>
internal sealed partial class RunExecutor(
    RunStore store,
    Messages messages,
    PromptBuilder prompts,
    ToolLoop toolLoop,
    SessionTitler titler,
    SystemSettings settings,
    Metrics metrics,
    TimeProvider clock,
    ILogger<RunExecutor> logger)
{
    private static readonly TimeSpan FinishRetry = TimeSpan.FromSeconds(1);

    /// <summary>Runs to the end whatever happens; never throws. Completes after the final row is durable.</summary>
    /// <param name="run">The one.</param>
    /// <param name="memory">The memory that its answer takes; the caller's to give back.</param>
    /// <param name="abandon">Ends the attempts to write the final row: the process stops and the next start will sweep.</param>
    public async Task Execute(Run run, MemoryLease memory, CancellationToken abandon)
    {
        var recorder = new AnswerRecorder(run.Log, memory, metrics, clock, settings.ReasoningEnabled);
        ProviderException? failure = null;
        try
        {
            // What was told of the question need not stay for as long as its answer takes.
            var prompt = (await Begin(run)) with { Question = null, QuestionImages = [] };
            recorder.TrimmedTurns = prompt.TrimmedTurns;
            await memory.Add(run.Log.ContentLength + run.Log.ReasoningLength, run.Stopping); // what a continued answer says already
            titler.Consider(run);
            await toolLoop.Write(run, prompt, recorder);
        }
        catch (OperationCanceledException) when (run.StoppedAs is not null)
        {
            // Ended early on purpose; what came is kept.
        }
        catch (ProviderException error)
        {
            if (recorder.Writer is not null)
            {
                metrics.ProviderFailed(error.Failure); // those before the first token were counted call by call
            }

            failure = error;
            run.Trace?.Failed(error);
        }
        catch (Exception error)
        {
            LogFailed(logger, run.MessageId, error);
            failure = new ProviderException(ProviderFailure.Protocol, "Something failed on the server while answering.");
            run.Trace?.Failed(failure);
        }

        try
        {
            await Finish(run, recorder, failure, abandon);
        }
        finally
        {
            run.MarkEnded();
        }
    }

    private async Task<Prompt> Begin(Run run)
    {
        Prompt? prompt = null;
        var question = run.Started.UserMessageId ?? 0;
        var versions = new TurnVersions([question], [run.MessageId]);
        try
        {
            run.Trace?.Started(run.Started, run.Session.Id);
            prompt = await prompts.Build(run, run.Model, 0);
            run.Trace?.Context(prompt.SystemPrompt, prompt.Turns, prompt.TrimmedTurns, prompt.PromptTokens, prompt.ContextLimit);
            if (run.Started.MayHaveVersions)
            {
                var before = run.Request.Kind == NewRun.Send ? run.Started.ParentId : prompt.Question?.ParentId;
                versions = await TurnVersions.Read(messages, run.UserId, run.Session.Id, before, question);
            }

            return prompt;
        }
        finally
        {
            // Also when there is no prompt: a continued answer must keep what it says.
            RunEvents.Begin(run, prompt, versions);
        }
    }

    /// <summary>
    /// Stores and tells the end. What fails on the way, be it the disk or memory that is short for a moment, is tried again: the text
    /// stays in memory, readers have it, and the end is told only when it is on disk.
    /// </summary>
    private async Task Finish(Run run, AnswerRecorder recorder, ProviderException? failure, CancellationToken abandon)
    {
        FinishedRun? finished = null;
        IReadOnlyList<long> removed = [];
        var (failureTold, isStored, troubleTold) = (failure is null || run.StoppedAs is not null, false, false);
        while (true)
        {
            try
            {
                if (!failureTold)
                {
                    failureTold = true;
                    RunEvents.Error(run.Log, Problems.FromProvider(failure!));
                }

                finished ??= RunResult.From(run, recorder, failure, settings.ReasoningSaveToDb) with
                {
                    KeptVersions = run.Request.Kind == NewRun.Regenerate ? settings.AssistantReplyHistoryLimit : 0,
                };
                if (!isStored)
                {
                    removed = await Store(run, finished);
                    isStored = true;
                }

                if (run.ModelTitle is { } title)
                {
                    RunEvents.Title(run, title);
                }

                RunEvents.Done(run.Log, finished, RunResult.Usage(finished), settings.UsageEmit, removed);
                return;
            }
            catch (Exception error)
            {
                LogNotStored(logger, run.MessageId, error);
                if (abandon.IsCancellationRequested)
                {
                    return;
                }

                if (!troubleTold)
                {
                    troubleTold = true;
                    var trouble = error as StoreException ?? new StoreException(StoreFailure.Unavailable, "The end of the answer could not be stored yet.", error);
                    run.Trace?.NotStored(trouble);
                    RunEvents.Error(run.Log, Problems.FromStore(trouble));
                }

                await Task.Delay(FinishRetry, clock, CancellationToken.None);
            }
        }
    }

    /// <summary>Gives the older versions of the answer that went for this one.</summary>
    private async Task<IReadOnlyList<long>> Store(Run run, FinishedRun finished)
    {
        var removed = await store.Finish(finished, clock.GetUtcNow());
        run.Trace?.Finished(finished, stored: removed is not null);
        if (removed is null)
        {
            LogGone(logger, run.MessageId);
        }

        return removed ?? [];
    }

    [LoggerMessage(LogLevel.Error, "The answer {MessageId} failed on our side")]
    private static partial void LogFailed(ILogger logger, long messageId, Exception error);

    [LoggerMessage(LogLevel.Warning, "The end of answer {MessageId} could not be stored yet")]
    private static partial void LogNotStored(ILogger logger, long messageId, Exception error);

    [LoggerMessage(LogLevel.Debug, "The answer {MessageId} had been removed when it ended")]
    private static partial void LogGone(ILogger logger, long messageId);
}
