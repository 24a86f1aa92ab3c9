using AiChat.Data.Chats;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Traces;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Sends an answer to a client as events, whether it is being written, here or in another process, or was stored before.
/// </summary>
internal sealed class RunReplay(
    RunRegistry registry, RunStreamer streamer, RunMirrors mirrors, StoredAnswers answers, NodeStore nodes, Messages messages,
    TimeProvider clock)
{
    /// <summary>How often a wait for the end of an answer in another process looks.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    /// <summary>All events of the answer that was started, or the problem.</summary>
    public async Task<IResult> Follow(CurrentUser me, RunStart start) =>
        start.Problem ?? await Attach(me, start.MessageId, after: 0, follow: true, start.Run);

    /// <summary>The events of an answer after a position; 404 when the answer is not this user's.</summary>
    /// <param name="follow">False ends the stream after what there is.</param>
    /// <param name="run">The answer's run when the caller has it.</param>
    public async Task<IResult> Attach(CurrentUser me, long messageId, long after, bool follow, Run? run = null)
    {
        run ??= registry.Find(me.Id, messageId);
        if (run is null && await mirrors.Open(me, messageId) is { } mirror)
        {
            return new LogStream(streamer, me, mirror.Log, null, after, follow, mirror);
        }

        return (run?.Log ?? await Stored(me, messageId)) is { } log
            ? new LogStream(streamer, me, log, follow ? run?.Trace : null, after, follow, null)
            : Problems.NotFound();
    }

    /// <summary>Waits for the end of the answer that was started and returns both messages, or the problem.</summary>
    public async Task<IResult> Finished(CurrentUser me, RunStart start, CancellationToken cancel)
    {
        if (start.Problem is { } problem)
        {
            return problem;
        }

        if ((start.Run ?? registry.Find(me.Id, start.MessageId)) is { } run)
        {
            await run.Ended;
        }

        while (!nodes.IsAlone && await nodes.Running(me.Id, start.MessageId) is not null)
        {
            await Task.Delay(BetweenLooks, clock, cancel);
        }

        return await answers.Finished(me, start.MessageId) is { } answer ? answer : Problems.NotFound();
    }

    private async Task<RunLog?> Stored(CurrentUser me, long messageId)
    {
        if (await messages.Find(me.Id, messageId) is not { Role: "assistant" } row)
        {
            return null;
        }

        return row.Status == "streaming" && registry.Find(me.Id, messageId) is { } started
            ? started.Log // it started between the two lookups
            : await answers.Log(me, row);
    }

    /// <summary>A result of its own, so that the request's other objects do not stay in memory for as long as the stream is read.</summary>
    private sealed class LogStream(
        RunStreamer streamer, CurrentUser me, RunLog log, RunTrace? trace, long after, bool follow, RunMirrorReader? mirror) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) =>
            mirror is not null ? Mirrored(httpContext, mirror)
            : trace is null ? streamer.Stream(httpContext, me, log, after, follow)
            : Traced(httpContext, trace);

        private async Task Mirrored(HttpContext context, RunMirrorReader reader)
        {
            using (reader)
            {
                await reader.CaughtUp; // or a client that is further would be sent everything again
                await streamer.Stream(context, me, log, after, follow);
            }
        }

        private async Task Traced(HttpContext context, RunTrace events)
        {
            events.Attached(after);
            await streamer.Stream(context, me, log, after, follow);
            events.Detached(context.RequestAborted.IsCancellationRequested, log.Completed);
        }
    }
}
