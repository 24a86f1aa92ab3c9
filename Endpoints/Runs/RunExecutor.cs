using AiChat.Data;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Carries one run from its stored start to its stored end: builds the prompt, lets the tool loop write the answer into the log and
/// stores the result once. It does not know who reads the log.
/// </summary>
internal sealed partial class RunExecutor(
    RunStore store,
    Messages messages,
    PromptBuilder prompts,
    ToolLoop toolLoop,
    ImageFiles files,
    ImageStore images,
    ImageLinks links,
    SessionTitler titler,
    SystemSettings settings,
    Metrics metrics,
    TimeProvider clock,
    ILogger<RunExecutor> logger)
{
    private static readonly TimeSpan FinishRetry = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Executes the run to its end whatever happens; never throws. Completes after the final row is durable and the last event is in the
    /// log, whose readers are yet to be told. Its first part, up to the request to the provider, runs inside this call.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="memory">The memory that its answer takes; the caller gives it back.</param>
    /// <param name="abandon">Ends the attempts to store the final row: the process stops and the next start will sweep.</param>
    public async Task Execute(Run run, MemoryLease memory, CancellationToken abandon)
    {
        var pictures = new AnswerPictures(files, async () => settings.ImageStoragePerUser - await images.BytesOf(run.UserId));
        var recorder = new AnswerRecorder(run.Log, memory, pictures, metrics, clock, settings.ReasoningEnabled);
        ProviderException? failure = null;
        try
        {
            // The question is in the log by now and need not stay in memory for as long as the answer takes.
            var prompt = (await Begin(run)) with { Question = null, QuestionImages = [] };
            recorder.TrimmedTurns = prompt.TrimmedTurns;
            await memory.Add(run.Log.ContentLength + run.Log.ReasoningLength, run.Stopping); // the text that a continued answer already has
            titler.Consider(run);
            await toolLoop.Write(run, prompt, recorder);
        }
        catch (OperationCanceledException) when (run.StoppedAs is not null)
        {
            // Ended early on purpose; the text so far is kept.
        }
        catch (ProviderException error)
        {
            if (recorder.Writer is not null)
            {
                metrics.ProviderFailed(error.Failure); // failures before the first token were counted call by call
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

        await Finish(run, recorder, failure, abandon);
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
            // Also when the prompt could not be built: a continued answer must keep its text.
            RunEvents.Begin(run, prompt, versions);
        }
    }

    /// <summary>
    /// Stores the end and sends it to readers. A failure on the way, such as a full disk or a moment without memory, is retried: the
    /// text stays in memory, readers have it, and the end is sent only when it is durable.
    /// </summary>
    private async Task Finish(Run run, AnswerRecorder recorder, ProviderException? failure, CancellationToken abandon)
    {
        FinishedRun? finished = null;
        IReadOnlyList<long> removed = [];
        var (failureSent, isStored, troubleSent) = (failure is null || run.StoppedAs is not null, false, false);
        while (true)
        {
            try
            {
                if (!failureSent)
                {
                    failureSent = true;
                    RunEvents.Error(run.Log, Problems.FromProvider(failure!));
                }

                finished ??= RunResult.From(run, recorder, failure, settings);
                if (!isStored)
                {
                    removed = await Store(run, finished);
                    isStored = true;
                }

                if (run.ModelTitle is { } title)
                {
                    RunEvents.Title(run, title);
                }

                var shown = finished.Images.Count == 0 ? null : (await images.FindByMessages(run.UserId, [run.MessageId]))[run.MessageId];
                RunEvents.Done(
                    run.Log, finished, RunResult.Usage(finished), settings.UsageEmit, removed,
                    shown is null ? null : [.. shown.Select(links.From)]);
                return;
            }
            catch (Exception error)
            {
                LogNotStored(logger, run.MessageId, error);
                if (abandon.IsCancellationRequested)
                {
                    return;
                }

                if (!troubleSent)
                {
                    troubleSent = true;
                    var trouble = error as StoreException
                        ?? new StoreException(StoreFailure.Unavailable, "The end of the answer could not be stored yet.", error);
                    run.Trace?.NotStored(trouble);
                    RunEvents.Error(run.Log, Problems.FromStore(trouble));
                }

                await Task.Delay(FinishRetry, clock, CancellationToken.None);
            }
        }
    }

    /// <returns>The older versions of the answer that were removed because of the limit on versions.</returns>
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

    [LoggerMessage(LogLevel.Error, "Answer {MessageId} failed on the server")]
    private static partial void LogFailed(ILogger logger, long messageId, Exception error);

    [LoggerMessage(LogLevel.Warning, "Could not store the end of answer {MessageId}; retrying")]
    private static partial void LogNotStored(ILogger logger, long messageId, Exception error);

    [LoggerMessage(LogLevel.Debug, "Answer {MessageId} was removed before it ended")]
    private static partial void LogGone(ILogger logger, long messageId);
}
