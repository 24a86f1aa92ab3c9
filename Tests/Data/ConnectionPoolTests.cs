using AiChat.Data;
using AiChat.Data.Engine;

namespace AiChat.Tests.Data;

public sealed class ConnectionPoolTests
{
    [Fact]
    public void The_one_that_was_used_last_comes_first()
    {
        using var pool = new ConnectionPool<Connection>(() => new Connection(), null);
        var (first, second) = (pool.Take(out var isNew), pool.Take(out _));
        Assert.True(isNew);
        pool.Return(first);
        pool.Return(second);

        Assert.Same(second, pool.Take(out isNew));
        Assert.False(isNew);
        Assert.Same(first, pool.Take(out _));
    }

    [Fact]
    public async Task One_that_is_idle_for_long_is_closed()
    {
        using var pool = new ConnectionPool<Connection>(() => new Connection(), TimeSpan.FromMilliseconds(20));
        var connection = pool.Take(out _);
        pool.Return(connection);

        await connection.Closed.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.NotSame(connection, pool.Take(out _));
    }

    [Fact]
    public async Task Where_there_is_no_further_one_it_waits_for_one_that_is_in_use()
    {
        var opened = 0;
        var asked = new TaskCompletionSource();
        using var pool = new ConnectionPool<Connection>(() =>
        {
            if (Interlocked.Increment(ref opened) == 1)
            {
                return new Connection();
            }

            asked.TrySetResult();
            throw new StoreException(StoreFailure.Busy, "none left");
        }, null);
        var first = pool.Take(out _);
        var waiting = Task.Run(() => pool.Take(out _));
        await asked.Task;
        Assert.False(waiting.IsCompleted);

        pool.Return(first);

        Assert.Same(first, await waiting);
    }

    [Fact]
    public void What_else_fails_is_told_at_once()
    {
        var opened = 0;
        using var pool = new ConnectionPool<Connection>(() =>
        {
            opened++;
            throw new StoreException(StoreFailure.Unavailable, "gone");
        }, null);
        Assert.Equal(StoreFailure.Unavailable, Assert.Throws<StoreException>(() => pool.Take(out _)).Failure);
        Assert.Equal(1, opened);
    }

    private sealed class Connection : IDisposable
    {
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Closed => _closed.Task;

        public void Dispose() => _closed.TrySetResult();
    }
}
