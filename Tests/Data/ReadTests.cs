using System.Collections.Concurrent;
using System.Data.Common;
using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;

namespace AiChat.Tests.Data;

/// <summary>Where reads run, who waits for whom, and when a read is ended.</summary>
public sealed class ReadTests : IDisposable
{
    private const string Endless = "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-read-");
    private readonly Db _db;

    public ReadTests()
    {
        Migrator.Run(FilePath);
        _db = new Db(FilePath);
    }

    private string FilePath => Path.Combine(_folder.FullName, "app.db");

    [Fact]
    public async Task A_read_runs_on_the_pool_whoever_asks_and_the_caller_goes_on_there()
    {
        var done = new TaskCompletionSource<(bool Read, bool After)>();
        new Thread(() => _ = Ask()) { IsBackground = true }.Start(); // as on a socket's event thread

        Assert.Equal((true, true), await done.Task.WaitAsync(Limit));

        async Task Ask()
        {
            var read = await _db.Read(_ => Thread.CurrentThread.IsThreadPoolThread).ConfigureAwait(false);
            done.SetResult((read, Thread.CurrentThread.IsThreadPoolThread));
        }
    }

    [Fact]
    public async Task A_short_read_that_does_not_end_is_ended()
    {
        var error = await Assert.ThrowsAsync<StoreException>(() => _db.Read(Count).WaitAsync(Limit));

        Assert.Equal(StoreFailure.TooLong, error.Failure);
        Assert.Equal(1, await _db.Read(One));
    }

    [Fact]
    public async Task Long_reads_leave_the_short_ones_their_places_and_end_when_nobody_waits()
    {
        using var gone = new CancellationTokenSource();
        var endless = Enumerable.Range(1, 12).Select(user => _db.ReadLong(user, Count, gone.Token)).ToList();

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, await _db.Read(One).WaitAsync(Limit));
        }

        await gone.CancelAsync();
        foreach (var read in endless)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.WaitAsync(Limit));
        }

        Assert.Equal(1, await _db.ReadLong(1, One, CancellationToken.None).WaitAsync(Limit));
    }

    [Fact]
    public async Task A_long_read_past_its_budget_is_ended_and_says_so()
    {
        var error = await Assert.ThrowsAsync<StoreException>(() => _db.ReadLong(1, Count, CancellationToken.None).WaitAsync(Limit));

        Assert.Equal(StoreFailure.TooLong, error.Failure);
    }

    [Fact]
    public async Task Users_take_turns_with_one_long_read_each()
    {
        using var open = new ManualResetEventSlim();
        var order = new ConcurrentQueue<long>();
        var (running, max) = (new ConcurrentDictionary<long, int>(), 0);
        var reads = new List<Task<int>>();
        for (var i = 0; i < 4; i++) // more than threads: the lane is full while the others queue
        {
            reads.Add(_db.ReadLong(100 + i, _ => open.Wait(Limit) ? 1 : 0, CancellationToken.None));
        }

        reads.AddRange(Enumerable.Range(0, 10).Select(_ => Ask(1)));
        reads.Add(Ask(2));
        reads.Add(Ask(3));
        open.Set();
        await Task.WhenAll(reads).WaitAsync(Limit);

        Assert.Equal(1, max);
        Assert.All(new long[] { 2, 3 }, user => Assert.InRange(order.ToList().IndexOf(user), 0, 4)); // not behind all of user 1
        Assert.Equal(12, order.Count);

        Task<int> Ask(long user) => _db.ReadLong(user, connection =>
        {
            max = Math.Max(max, running.AddOrUpdate(user, 1, (_, now) => now + 1));
            order.Enqueue(user);
            var one = One(connection);
            running.AddOrUpdate(user, 0, (_, now) => now - 1);
            return one;
        }, CancellationToken.None);
    }

    [Fact]
    public async Task Too_many_waiting_reads_are_refused_and_a_cancelled_one_frees_its_place()
    {
        using var open = new ManualResetEventSlim();
        using var gone = new CancellationTokenSource();
        var blocked = Enumerable.Range(0, 4)
            .Select(i => _db.ReadLong(100 + i, _ => open.Wait(Limit) ? 1 : 0, CancellationToken.None)).ToList();
        var waiting = Enumerable.Range(0, 16).Select(_ => _db.ReadLong(1, One, gone.Token)).ToList();

        var error = await Assert.ThrowsAsync<StoreException>(() => _db.ReadLong(1, One, CancellationToken.None));
        Assert.Equal(StoreFailure.Busy, error.Failure);
        await gone.CancelAsync();
        var last = _db.ReadLong(1, One, CancellationToken.None);
        open.Set();

        Assert.Equal(1, await last.WaitAsync(Limit));
        await Task.WhenAll(blocked).WaitAsync(Limit);
        Assert.All(waiting, read => Assert.True(read.IsCanceled));
    }

    [Fact]
    public async Task A_reader_that_cannot_be_opened_fails_that_read_alone()
    {
        File.Move(FilePath, FilePath + ".away");

        var error = await Assert.ThrowsAsync<StoreException>(() => _db.Read(One));
        File.Move(FilePath + ".away", FilePath);

        Assert.Equal(StoreFailure.Unavailable, error.Failure);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, await _db.Read(One)); // no place was lost
        }
    }

    [Fact]
    public async Task Closing_ends_long_reads()
    {
        var running = _db.ReadLong(1, Count, CancellationToken.None);
        var waiting = _db.ReadLong(1, One, CancellationToken.None);

        _db.Dispose();

        Assert.Equal(StoreFailure.Unavailable, (await Assert.ThrowsAsync<StoreException>(() => running.WaitAsync(Limit))).Failure);
        Assert.Equal(StoreFailure.Unavailable, (await Assert.ThrowsAsync<StoreException>(() => waiting.WaitAsync(Limit))).Failure);
        Assert.False(File.Exists(FilePath + "-wal"));
    }

    public void Dispose()
    {
        _db.Dispose();
        _folder.Delete(recursive: true);
    }

    private static long Count(DbConnection connection) => Number(connection, Endless);

    private static int One(DbConnection connection) => (int)Number(connection, "select 1");

    private static long Number(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}
