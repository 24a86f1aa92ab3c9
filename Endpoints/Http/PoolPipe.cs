using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace AiChat.Endpoints.Http;

/// <summary>
/// The two pipes of a connection, whose continuations run on the thread pool. The threads of the sockets, one for each core, only move
/// bytes: a slow request or the parsing of a large body would delay all streams there. Data that is already buffered is returned at once,
/// and output is sent by the thread that writes it, so a token passes without a thread switch.
/// </summary>
internal sealed class PoolPipe(IDuplexPipe transport) : IDuplexPipe
{
    public PipeReader Input { get; } = new PoolReader(transport.Input);

    public PipeWriter Output { get; } = new PoolWriter(transport.Output);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<T> Leave<T>(ValueTask<T> pending)
    {
        var result = await pending.ConfigureAwait(false);
        if (!Thread.CurrentThread.IsThreadPoolThread)
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        return result;
    }

    private sealed class PoolReader(PipeReader inner) : PipeReader
    {
        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            var read = inner.ReadAsync(cancellationToken);
            return read.IsCompleted ? read : Leave(read);
        }

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

        protected override ValueTask<ReadResult> ReadAtLeastAsyncCore(int minimumSize, CancellationToken cancellationToken)
        {
            var read = inner.ReadAtLeastAsync(minimumSize, cancellationToken);
            return read.IsCompleted ? read : Leave(read);
        }
    }

    private sealed class PoolWriter(PipeWriter inner) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            var flush = inner.FlushAsync(cancellationToken);
            return flush.IsCompleted ? flush : Leave(flush);
        }

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            var flush = inner.WriteAsync(source, cancellationToken);
            return flush.IsCompleted ? flush : Leave(flush);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
    }
}
