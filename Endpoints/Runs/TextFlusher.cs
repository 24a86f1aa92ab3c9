using AiChat.Data.Runs;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>Stores the text of all live runs a few times a second, in one transaction for all.</summary>
internal sealed partial class TextFlusher(RunRegistry registry, RunStore store, BackgroundWork background, ILogger<TextFlusher> logger)
{
    /// <summary>With the commit that follows, at most half a second of text is lost when the process is killed.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(400);

    /// <summary>
    /// What is to be stored. After a failure it is tried again together with what comes next, so that no gap can arise. When the process
    /// ends, each run stores its whole text by itself.
    /// </summary>
    private readonly List<RunChunk> _chunks = [];

    /// <summary>Stores until it is told to end; call once.</summary>
    public Task Run(CancellationToken ends) => background.Every("storing running answers", Interval, Flush, ends);

    private async Task Flush()
    {
        foreach (var run in registry.List())
        {
            // A failure of one run does not keep the text of the others from being stored.
            background.Try("taking an answer's text", () => run.Log.TakeUnstored(run.Started.RunId, _chunks));
            run.Trace?.Progress(run.Log.ContentLength, run.Log.ReasoningLength);
        }

        if (_chunks.Count == 0)
        {
            return;
        }

        try
        {
            await store.Append([.. _chunks]);
            _chunks.Clear();
        }
        catch (Exception error)
        {
            LogNotFlushed(logger, _chunks.Count, error);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Could not store {Count} pieces of running answers; retrying with the next ones")]
    private static partial void LogNotFlushed(ILogger logger, int count, Exception error);
}
