using AiChat.Providers;

namespace AiChat.Tests.Providers;

/// <summary>A body is taken piece by piece, whoever is ahead, and is closed wherever it is.</summary>
public sealed class BodyPumpTests : IDisposable
{
    private readonly CallClock _clock = new(ChatTimeouts.Default, TimeProvider.System, CancellationToken.None);

    [Fact]
    public async Task Source_is_not_asked_for_more_than_the_reader_takes()
    {
        var source = new Source(async (to, _) =>
        {
            for (byte i = 0; i < 3; i++)
            {
                await to([i]);
            }
        });
        await using var pump = new BodyPump(source, _clock);

        for (byte i = 0; i < 3; i++)
        {
            Assert.True(await pump.NextAsync());
            Assert.Equal([i], pump.Piece.ToArray());
            Assert.Equal(i + 1, source.Offered);
            Assert.False(pump.Ended);
        }

        Assert.False(await pump.NextAsync());
        Assert.True(pump.Ended);
        Assert.False(await pump.NextAsync());
    }

    [Fact]
    public async Task Pieces_arrive_whole_and_in_order_on_any_threads()
    {
        const int Pieces = 20_000;
        await using var pump = new BodyPump(
            new Source(async (to, _) =>
            {
                for (var i = 0; i < Pieces; i++)
                {
                    if (i % 7 == 0)
                    {
                        await Task.Yield();
                    }

                    await to(BitConverter.GetBytes(i));
                }
            }),
            _clock);

        for (var i = 0; i < Pieces; i++)
        {
            Assert.True(await pump.NextAsync());
            if (i % 5 == 0)
            {
                await Task.Yield();
            }

            Assert.Equal(i, BitConverter.ToInt32(pump.Piece.Span));
        }

        Assert.False(await pump.NextAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Failure_comes_after_what_came_before_it_and_once(bool waits)
    {
        await using var pump = new BodyPump(
            new Source(async (to, _) =>
            {
                await to([1]);
                if (waits)
                {
                    await Task.Yield();
                }

                throw new IOException("cut");
            }),
            _clock);

        Assert.True(await pump.NextAsync());
        var failure = await Assert.ThrowsAsync<ProviderException>(async () => await pump.NextAsync());

        Assert.Equal((ProviderFailure.ConnectionLost, "cut"), (failure.Failure, failure.InnerException?.Message));
        Assert.False(await pump.NextAsync());
    }

    [Fact]
    public async Task Closing_before_the_first_piece_asks_for_none()
    {
        var source = new Source((_, _) => throw new InvalidOperationException("never"));

        await new BodyPump(source, _clock).DisposeAsync();

        Assert.Equal((0, true), (source.Offered, source.IsClosed));
    }

    [Fact]
    public async Task Closing_ends_a_source_whose_piece_is_still_held()
    {
        var ended = new TaskCompletionSource<Exception>();
        var source = new Source(async (to, _) =>
        {
            ended.SetResult(await Assert.ThrowsAnyAsync<OperationCanceledException>(() => to([1])));
            throw new OperationCanceledException();
        });
        var pump = new BodyPump(source, _clock);
        Assert.True(await pump.NextAsync());

        await pump.DisposeAsync();

        Assert.True(ended.Task.IsCompleted);
        Assert.True(source.IsClosed);
    }

    [Fact]
    public async Task Closing_ends_a_source_that_waits_for_the_network()
    {
        var source = new Source(async (to, cancel) =>
        {
            await to([1]);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
        });
        var pump = new BodyPump(source, _clock);
        Assert.True(await pump.NextAsync());
        var next = pump.NextAsync().AsTask();

        await pump.DisposeAsync();

        Assert.True(source.IsClosed);
        await Assert.ThrowsAnyAsync<Exception>(() => next);
    }

    [Fact]
    public async Task Reader_may_close_it_in_the_call_that_brought_a_piece()
    {
        var go = new TaskCompletionSource();
        var source = new Source(async (to, cancel) =>
        {
            await go.Task;
            await to([1]);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
        });
        var pump = new BodyPump(source, _clock);
        var reading = ReadOneAndClose(pump);

        go.SetResult();
        await reading;

        Assert.Equal((1, true), (source.Offered, source.IsClosed));
    }

    public void Dispose() => _clock.Dispose();

    private static async Task ReadOneAndClose(BodyPump pump)
    {
        Assert.True(await pump.NextAsync());
        await pump.DisposeAsync();
    }

    /// <summary>A body that a test writes as it likes.</summary>
    private sealed class Source(Func<Func<byte[], Task>, CancellationToken, Task> write) : MemoryStream
    {
        public int Offered { get; private set; }

        public bool IsClosed { get; private set; }

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => write(
            async piece =>
            {
                Offered++;
                await destination.WriteAsync(piece, cancellationToken);
            },
            cancellationToken);

        public override ValueTask DisposeAsync()
        {
            IsClosed = true;
            return base.DisposeAsync();
        }
    }
}
