namespace AiChat.Endpoints.Traces;

/// <summary>An entry in the queue of <see cref="TaskTraces"/>: a trace with events to store, or a marker.</summary>
internal interface ITraceQueueEntry;

/// <summary>A place in the queue that somebody waits for.</summary>
internal sealed class TraceQueueMarker : ITraceQueueEntry
{
    private readonly TaskCompletionSource _passed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes once all entries before this one are stored or given up.</summary>
    public Task Passed => _passed.Task;

    public void Pass() => _passed.TrySetResult();
}
