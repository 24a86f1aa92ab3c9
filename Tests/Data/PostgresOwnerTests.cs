using System.Data.Common;
using AiChat.Data;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using AiChat.Tests.Nodes;
using Dapper;

namespace AiChat.Tests.Data;

/// <summary>Writes of one user on PostgreSQL: what comes while one of them is at work shares the next transaction.</summary>
public sealed class PostgresOwnerTests
{
    private const long Owner = 7, Other = 8;

    [PostgresFact]
    public async Task What_comes_while_one_is_at_work_is_committed_together()
    {
        using var db = PostgresStoreTests.Open(out _);
        var before = db.Commits;

        await Behind(db, async () =>
        {
            var behind = Put(db, 15, Owner);
            await db.Write(connection => Put(connection, "of another"), owner: Other);
            await db.Write(connection => Put(connection, "of nobody"));
            return behind;
        });

        Assert.Equal((4, 18), (db.Commits - before, await Count(db)));
    }

    [PostgresFact]
    public async Task One_that_fails_undoes_itself_alone()
    {
        using var db = PostgresStoreTests.Open(out _);
        Task? bad = null, late = null;

        await Behind(db, () =>
        {
            var good = Put(db, 5, Owner);
            bad = db.Write(
                connection =>
                {
                    Put(connection, "lost");
                    throw new InvalidOperationException("mine");
                },
                owner: Owner);

            // What waits for the next statement fails with that of another piece.
            late = db.Write(
                connection =>
                {
                    using var deferred = Deferred.On(connection);
                    connection.Execute("insert into shared_locks (name) values ('k0')");
                },
                owner: Owner);
            return Task.FromResult(good.Concat(Put(db, 5, Owner, "m")));
        });

        Assert.Equal("mine", (await Assert.ThrowsAsync<InvalidOperationException>(() => bad!)).Message);
        Assert.Equal("23505", (await Assert.ThrowsAnyAsync<DbException>(() => late!)).SqlState);
        Assert.Equal(11, await Count(db));
    }

    [PostgresFact]
    public async Task More_than_share_one_transaction_are_all_done_in_their_order()
    {
        using var db = PostgresStoreTests.Open(out _);
        await db.Write(connection => connection.Execute("insert into settings (key, value, updated_at) values ('order', '', 1)"));

        await Behind(db, () => Task.FromResult(Enumerable.Range(0, 100).Select(i => (Task)db.Write(
            connection => connection.Execute("update settings set value = value || @next where key = 'order'", new { next = $"{i} " }),
            owner: Owner)).ToList().AsEnumerable()));

        Assert.Equal(
            string.Concat(Enumerable.Range(0, 100).Select(i => $"{i} ")),
            await db.Read(connection => connection.QuerySingle<string>("select value from settings where key = 'order'")));
    }

    [PostgresFact]
    public async Task A_connection_that_is_cut_under_several_loses_none()
    {
        using var db = PostgresStoreTests.Open(out var url);
        await db.Write(connection => Put(connection, "warm"), owner: Owner);

        await Behind(db, () =>
        {
            var behind = Put(db, 8, Owner);
            using var other = PostgresServer.Connect(url);
            PostgresServer.Run(other, """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'
                """);
            return Task.FromResult(behind);
        });

        Assert.Equal(10, await Count(db));
    }

    /// <summary>Each would find out for itself that the server is away, one after the other.</summary>
    [PostgresFact]
    public async Task While_the_server_is_away_all_who_wait_are_told_at_once()
    {
        await using var wire = new Wire(new Uri(PostgresServer.NewDatabaseUrl()).Port);
        using var db = PostgresStoreTests.Open(out _, wire);
        await db.Write(connection => Put(connection, "warm"), owner: Owner);
        List<Task> waiting = [];

        await Assert.ThrowsAsync<StoreException>(() => Behind(db, () =>
        {
            waiting = [.. Put(db, 15, Owner)];
            wire.Cut();
            return Task.FromResult(waiting.AsEnumerable());
        }));

        foreach (var one in waiting)
        {
            Assert.Equal(StoreFailure.Unavailable, (await Assert.ThrowsAsync<StoreException>(() => one)).Failure);
        }
    }

    /// <summary>Adds work while a piece of the owner is carried out, and waits for all of it.</summary>
    private static async Task Behind(Db db, Func<Task<IEnumerable<Task>>> add)
    {
        using var isAtWork = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        var first = db.Write(
            connection =>
            {
                Put(connection, "first");
                isAtWork.Set();
                mayEnd.Wait(TimeSpan.FromSeconds(20));
            },
            owner: Owner);
        isAtWork.Wait(TimeSpan.FromSeconds(20));
        var behind = await add();
        mayEnd.Set();
        await first;
        await Task.WhenAll(behind);
    }

    private static IEnumerable<Task> Put(Db db, int count, long owner, string name = "k") =>
        [.. Enumerable.Range(0, count).Select(i => db.Write(connection => Put(connection, $"{name}{i}"), owner: owner))];

    private static void Put(DbConnection connection, string name) =>
        connection.Execute("insert into shared_locks (name) values (@name)", new { name });

    /// <summary>Five are there from the beginning.</summary>
    private static Task<long> Count(Db db) =>
        db.Read(connection => connection.ExecuteScalar<long>("select count(*) - 5 from shared_locks"));
}
