using System.Data.Common;
using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>Which writes come first when more wait than one transaction takes.</summary>
internal enum WriteOrder
{
    /// <summary>A person waits for the first token of an answer.</summary>
    First,

    Ordinary,
}

/// <summary>A piece of work for the writer and its caller's task.</summary>
/// <param name="owner">The user whose row the work locks; null for none. Where many write, such pieces go one behind the other.</param>
internal abstract class WriteItem(WriteOrder order, long? owner)
{
    private int _state;

    private enum State
    {
        Queued,
        Begun,
        TakenOut,
    }

    public WriteOrder Order => order;

    public long? Owner => owner;

    public long QueuedAt { get; } = Stopwatch.GetTimestamp();

    public bool IsQueued => Volatile.Read(ref _state) == (int)State.Queued;

    /// <summary>False when it was withdrawn.</summary>
    public bool HasBegun => Volatile.Read(ref _state) == (int)State.Begun;

    public static bool AnyQueued(ReadOnlySpan<WriteItem> items)
    {
        foreach (var item in items)
        {
            if (item.IsQueued)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>False when the item was withdrawn; then it must not run.</summary>
    public bool TryBegin() => Interlocked.CompareExchange(ref _state, (int)State.Begun, (int)State.Queued) == (int)State.Queued;

    /// <summary>Withdraws the item; false when it has begun and its end must be awaited.</summary>
    public bool TryTakeOut() => Interlocked.CompareExchange(ref _state, (int)State.TakenOut, (int)State.Queued) == (int)State.Queued;

    /// <summary>
    /// Runs the work and stores its result or exception, in place of those of an earlier run that was undone. True when the work succeeded.
    /// </summary>
    /// <param name="translate">The exception as a failure of the store where it is one.</param>
    public abstract bool Run(DbConnection connection, Func<Exception, Exception> translate);

    /// <summary>Completes the caller's task, after the commit.</summary>
    public abstract void Complete();

    public abstract void Fail(Exception error);

    /// <summary>What ended <see cref="Run"/>; null when it succeeded.</summary>
    public abstract Exception? Error { get; }
}

internal sealed class WriteItem<T>(Func<DbConnection, T> work, WriteOrder order, long? owner = null) : WriteItem(order, owner)
{
    // Continuations run elsewhere: the writer's thread only writes.
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _error;

    public Task<T> Task => _completion.Task;

    public override Exception? Error => _error;

    public override bool Run(DbConnection connection, Func<Exception, Exception> translate)
    {
        _error = null;
        try
        {
            _result = work(connection);
            return true;
        }
        catch (Exception error)
        {
            _error = translate(error);
            return false;
        }
    }

    public override void Complete()
    {
        if (_error is null)
        {
            _completion.TrySetResult(_result!);
        }
        else
        {
            _completion.TrySetException(_error);
        }
    }

    public override void Fail(Exception error) => _completion.TrySetException(_error ?? error);
}
