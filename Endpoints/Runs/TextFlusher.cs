using AiChat.Data.Runs;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>Stores the text of all live runs a few times a second.</summary>
internal sealed partial class TextFlusher(
    RunRegistry registry, ILiveText text, BackgroundWork background, TimeProvider clock, ILogger<TextFlusher> logger)
{
    /// <summary>With the write that follows, at most half a second of text is lost when the process is killed.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(400);

    /// <summary>Chunks, or characters of one, that are written at once.</summary>
    private const int MaxGathered = 4_096;

    /// <summary>
    /// What is to be stored. After a failure it is tried again together with what comes next, so that no gap can arise. When the process
    /// ends, each run stores its whole text by itself.
    /// </summary>
    private readonly List<RunChunk> _chunks = [];

    private long _flushedAt;
    private bool _hasGap;

    /// <summary>Stores until it is told to end; call once.</summary>
    public Task Run(CancellationToken ends) => background.Every("storing running answers", Interval, Flush, ends);

    private async Task Flush()
    {
        var runs = registry.List();
        foreach (var run in runs)
        {
            run.Trace?.Progress(run.Log.ContentLength, run.Log.ReasoningLength);
        }

        try
        {
            if (text.IsFull || _hasGap)
            {
                await Renew(runs);
            }
            else if (runs.Count == 0)
            {
                _chunks.Clear();
                await text.Empty();
            }
            else
            {
                await Append(runs);
            }
        }
        catch (Exception error)
        {
            LogNotStored(logger, error);
        }
    }

    private async Task Append(IEnumerable<Run> runs)
    {
        foreach (var run in runs)
        {
            // A failure of one run does not keep the text of the others from being stored.
            background.Try("taking an answer's text", () => run.Log.TakeUnstored(run.Started.RunId, _chunks));
            if (_chunks.Count >= MaxGathered || _chunks is [.., { Value.Length: > MaxGathered }])
            {
                await Store();
            }
        }

        await Store();

        if (clock.GetElapsedTime(_flushedAt) >= LiveText.BetweenFlushes)
        {
            await text.Flush();
            _flushedAt = clock.GetTimestamp();
        }
    }

    private async Task Store()
    {
        if (_chunks.Count > 0)
        {
            await text.Append(_chunks);
            _chunks.Clear();
        }
    }

    private async Task Renew(IEnumerable<Run> runs)
    {
        _hasGap = true; // until all is written: what was taken from the logs is in no file before
        _chunks.Clear();
        await text.Renew(runs.Select(run =>
        {
            var whole = new List<RunChunk>();
            run.Log.TakeUnstored(run.Started.RunId, whole, again: true);
            return whole;
        }));
        _hasGap = false;
    }

    [LoggerMessage(LogLevel.Warning, "Could not store the text of running answers; retrying with what comes next")]
    private static partial void LogNotStored(ILogger logger, Exception error);
}
