using System.Buffers;
using System.IO.Pipelines;
using AiChat.Endpoints.Http;

namespace AiChat.Tests.Http;

/// <summary>A reader of a connection continues on the thread pool, although the thread of a socket delivers the bytes.</summary>
public sealed class PoolPipeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly PipeOptions Inline = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 4, resumeWriterThreshold: 2,
        useSynchronizationContext: false);

    private readonly Pipe _arriving = new(Inline);
    private readonly Pipe _leaving = new(Inline);
    private readonly PoolPipe _pipe;

    public PoolPipeTests() => _pipe = new PoolPipe(new Transport(_arriving.Reader, _leaving.Writer));

    [Fact]
    public async Task A_request_that_arrives_is_read_on_in_the_pool()
    {
        var read = Where(async () => (await _pipe.Input.ReadAsync()).Buffer.Length);

        OnAThread(() => _ = _arriving.Writer.WriteAsync("ab"u8.ToArray()).AsTask());

        Assert.Equal((2, true), await read.WaitAsync(Limit));
    }

    [Fact]
    public async Task The_rest_of_a_body_is_read_on_in_the_pool()
    {
        var read = Where(async () => (await _pipe.Input.ReadAtLeastAsync(3)).Buffer.Length);

        OnAThread(() =>
        {
            _ = _arriving.Writer.WriteAsync("ab"u8.ToArray()).AsTask();
            _ = _arriving.Writer.WriteAsync("c"u8.ToArray()).AsTask();
        });

        Assert.Equal((3, true), await read.WaitAsync(Limit));
    }

    [Fact]
    public async Task Whoever_waited_for_a_slow_client_goes_on_in_the_pool()
    {
        var written = Where(async () =>
        {
            await _pipe.Output.WriteAsync("abcdef"u8.ToArray());
            return 6L;
        });

        OnAThread(() =>
        {
            Assert.True(_leaving.Reader.TryRead(out var result));
            _leaving.Reader.AdvanceTo(result.Buffer.End);
        });

        Assert.Equal((6, true), await written.WaitAsync(Limit));
    }

    [Fact]
    public void What_the_client_can_take_is_written_without_a_change_of_thread()
    {
        Assert.True(_pipe.Output.WriteAsync("ab"u8.ToArray()).AsTask().IsCompletedSuccessfully);
        Assert.True(_leaving.Reader.TryRead(out var result));
        Assert.Equal("ab"u8.ToArray(), result.Buffer.ToArray());
    }

    /// <summary>Begins on a thread outside the pool, as that of a socket is, and returns where it continued.</summary>
    private static Task<(long Result, bool InPool)> Where(Func<Task<long>> work)
    {
        var ended = new TaskCompletionSource<(long, bool)>();
        OnAThread(() => _ = Run());
        return ended.Task;

        async Task Run()
        {
            var result = await work().ConfigureAwait(false);
            ended.SetResult((result, Thread.CurrentThread.IsThreadPoolThread));
        }
    }

    private static void OnAThread(Action work)
    {
        var thread = new Thread(() => work());
        thread.Start();
        thread.Join();
    }

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
