using System.Data.Common;
using AiChat.Data;
using AiChat.Data.Engine;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

public sealed class DbTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-db-");

    private string FilePath => System.IO.Path.Combine(_folder.FullName, "app.db");

    [Fact]
    public async Task A_failed_part_of_a_write_undoes_only_itself()
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);
        var good = Enumerable.Range(0, 50).Select(i => db.Write(connection => Put(connection, $"k{i}"))).ToList();
        var bad = db.Write(connection =>
        {
            Put(connection, "lost");
            throw new InvalidOperationException("mine");
        });

        await Task.WhenAll(good);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => bad);

        Assert.Equal("mine", error.Message);
        Assert.Equal(50, await db.Read(connection => Number(connection, "select count(*) from settings where key like 'k%'")));
        Assert.Equal(0, await db.Read(connection => Number(connection, "select count(*) from settings where key = 'lost'")));
    }

    [Fact]
    public async Task Reads_long_reads_and_writes_use_cached_statements()
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);

        Assert.True(await db.Read(IsCached));
        Assert.True(await db.ReadLong(1, IsCached, default));
        Assert.True(await db.Write(IsCached));

        static bool IsCached(DbConnection connection)
        {
            using var command = connection.CreateCommand();
            return command is CachedStatementCommand;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public async Task A_failed_write_undoes_only_itself_alone_or_in_a_group(int others)
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);
        using var queued = new ManualResetEventSlim();
        var first = db.Write(connection =>
        {
            queued.Wait(TimeSpan.FromSeconds(30)); // the writes queued behind it become one group
            Put(connection, "first");
        });
        var bad = db.Write(connection =>
        {
            Put(connection, "lost");
            throw new InvalidOperationException("mine");
        });
        var good = Enumerable.Range(0, others).Select(i => db.Write(connection => Put(connection, $"k{i}"))).ToList();
        queued.Set();

        await first;
        Assert.Equal("mine", (await Assert.ThrowsAsync<InvalidOperationException>(() => bad)).Message);
        await Task.WhenAll(good);
        await db.Write(connection => Put(connection, "last"));

        Assert.Equal(others + 2, await db.Read(connection =>
            Number(connection, "select count(*) from settings where key in ('first', 'last') or key like 'k%'")));
        Assert.Equal(0, await db.Read(connection => Number(connection, "select count(*) from settings where key = 'lost'")));
    }

    /// <summary>All that share a transaction are undone with one that fails, and run again without it.</summary>
    [Fact]
    public async Task What_shares_a_transaction_with_a_failure_is_run_again_whole()
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);
        using var begun = new ManualResetEventSlim();
        using var queued = new ManualResetEventSlim();
        var runs = 0;
        var first = db.Write(_ =>
        {
            begun.Set();
            return queued.Wait(TimeSpan.FromSeconds(30));
        });
        begun.Wait(TimeSpan.FromSeconds(30)); // what follows is one group
        var good = db.Write(connection =>
        {
            runs++;
            return Put(connection, "good") + Put(connection, "better");
        });
        var bad = db.Write(connection => Put(connection, "good"));
        var late = db.Write(connection => Put(connection, "late"));
        queued.Set();

        await first;
        Assert.Equal(2, await good);
        await Assert.ThrowsAnyAsync<Exception>(() => bad);
        Assert.Equal(1, await late);
        Assert.Equal(2, runs);
        Assert.Equal(3, await db.Read(connection =>
            Number(connection, "select count(*) from settings where key in ('good', 'better', 'late')")));
    }

    [Fact]
    public async Task What_a_person_waits_for_most_is_written_first()
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);
        using var begun = new ManualResetEventSlim();
        using var queued = new ManualResetEventSlim();
        List<int> ran = [];
        var first = db.Write(_ =>
        {
            begun.Set();
            return queued.Wait(TimeSpan.FromSeconds(30));
        });
        begun.Wait(TimeSpan.FromSeconds(30)); // what follows is one group
        var all = Enumerable.Range(0, 6).Select(i => db.Write(
            _ =>
            {
                ran.Add(i);
                return true;
            },
            i % 2 == 0 ? WriteOrder.Ordinary : WriteOrder.First)).ToList();
        queued.Set();

        await first;
        await Task.WhenAll(all);

        Assert.Equal([1, 3, 5, 0, 2, 4], ran);
    }

    [Fact]
    public async Task Concurrent_writes_share_commits_and_single_ones_have_one_each()
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);
        for (var i = 1; i <= 20; i++)
        {
            await db.Write(connection => Put(connection, $"alone{i}"));
            Assert.Equal(i, db.Commits);
        }

        await Task.WhenAll(Enumerable.Range(0, 16).Select(async caller =>
        {
            for (var i = 0; i < 50; i++)
            {
                await db.Write(connection => Put(connection, $"crowd{caller}.{i}"));
            }
        }));

        Assert.InRange(db.Commits - 20, 50, 16 * 50 / 2);
        Assert.Equal(800, await db.Read(connection => Number(connection, "select count(*) from settings where key like 'crowd%'")));
    }

    [Fact]
    public async Task A_reader_cannot_write()
    {
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);

        await Assert.ThrowsAsync<StoreException>(() => db.Read(connection => Put(connection, "no")));
    }

    [Fact]
    public async Task Written_rows_are_there_after_closing_and_the_log_is_checkpointed()
    {
        Migrator.Run(FilePath);
        using (var db = new Db(FilePath))
        {
            await db.Write(connection => Put(connection, "kept"));
        }

        Assert.False(File.Exists(FilePath + "-wal"));
        using var again = new Db(FilePath);
        Assert.Equal(1, await again.Read(connection => Number(connection, "select count(*) from settings where key = 'kept'")));
    }

    [Fact]
    public async Task After_closing_writes_are_refused()
    {
        Migrator.Run(FilePath);
        var db = new Db(FilePath);
        db.Dispose();

        var error = await Assert.ThrowsAsync<StoreException>(() => db.Write(connection => Put(connection, "late")));
        Assert.Equal(StoreFailure.Unavailable, error.Failure);
    }

    /// <summary>The index is written without waiting for the disk; whatever happens to it, the next commit waits again.</summary>
    [Fact]
    public void A_commit_waits_for_the_disk_also_after_the_index_could_not_be_written()
    {
        Migrator.Run(FilePath);
        using var connection = SqliteConnections.OpenWriter(FilePath);
        var transactions = new WriteTransactions(connection, new WriterLog(connection, 250));
        Scalar(connection, "insert into messages_text_due (id) values (1)");
        Assert.True(transactions.AddDue(() => true));
        Assert.Equal(2, Number(connection, "pragma synchronous"));

        Scalar(connection, "insert into messages_text_due (id) values (2)");
        Scalar(connection, "drop table messages_text_groups");
        Scalar(connection, "drop table messages_text");
        Assert.Throws<SqliteException>(() => transactions.AddDue(() => true));

        Assert.Equal(2, Number(connection, "pragma synchronous"));
        Assert.Equal(1, Number(connection, "select count(*) from messages_text_due"));
    }

    /// <summary>The database goes on, what waits is found, and the index is made again.</summary>
    [Fact]
    public async Task A_damaged_text_index_is_told_and_made_again()
    {
        Migrator.Run(FilePath);
        Run("""
            insert into users (id, username, username_key, role, status, created_at) values (1, 'Ann', 'ann', 'ADMIN', 'ACTIVE', 1);
            insert into sessions (id, user_id, title, created_at, updated_at) values (1, 1, '', 1, 1);
            delete from messages_text_data;
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 64)
            insert into messages (session_id, role, content, status, created_at) select 1, 'user', 'bird ' || i, 'done', 1 from n;
            """);
        using var db = new Db(FilePath);
        var told = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        db.IndexFailed += error => told.TrySetResult(error);

        Assert.IsType<SqliteException>(await told.Task.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(1, db.IndexFailures);
        await db.Write(connection => Put(connection, "goes on"));
        const string found = "select count(*) from messages_text where messages_text match '\"bir\"'";
        await Eventually.Holds(async () => await db.Read(connection => Number(connection, found)) == 64);
        Assert.Equal(1, db.IndexFailures);
    }

    [Fact]
    public void Every_connection_has_the_safe_settings()
    {
        Migrator.Run(FilePath);
        using var connection = SqliteConnections.OpenWriter(FilePath);

        Assert.Equal("wal", Text(connection, "pragma journal_mode"));
        Assert.Equal(2, Number(connection, "pragma synchronous"));
        Assert.Equal(1, Number(connection, "pragma foreign_keys"));
        Assert.Equal(0, Number(connection, "pragma trusted_schema"));
        Assert.Equal(1, Number(connection, "pragma cell_size_check"));
        Assert.Equal(0, Number(connection, "pragma mmap_size"));
        Assert.Equal(5000, Number(connection, "pragma busy_timeout"));
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused_and_left_alone()
    {
        File.WriteAllText(FilePath, "this is not a database, it is a letter");

        var error = Assert.Throws<StartupException>(() => Migrator.Run(FilePath));

        Assert.Equal(StartupException.Configuration, error.ExitCode);
        Assert.Equal("this is not a database, it is a letter", File.ReadAllText(FilePath));
    }

    [Fact]
    public void A_newer_database_is_refused()
    {
        Migrator.Run(FilePath);
        Run("pragma user_version = 9000");

        var error = Assert.Throws<StartupException>(() => Migrator.Run(FilePath));

        Assert.Contains("9000", error.Message);
    }

    [Fact]
    public void A_database_of_another_program_is_refused()
    {
        Run("create table somebody (id integer primary key)");

        Assert.Throws<StartupException>(() => Migrator.Run(FilePath));
    }

    [Fact]
    public void A_damaged_page_is_found_at_start()
    {
        Migrator.Run(FilePath);
        var keys = string.Join(',', Enumerable.Range(1, 30));
        Run($"insert into settings select value, hex(randomblob(500)), 0 from json_each('[{keys}]')");
        var bytes = File.ReadAllBytes(FilePath);
        for (var page = 4096 * 10; page < bytes.Length; page += 4096)
        {
            Random.Shared.NextBytes(bytes.AsSpan(page, 400));
        }

        File.WriteAllBytes(FilePath, bytes);

        Assert.Throws<StartupException>(() => Migrator.Run(FilePath));
    }

    [Fact]
    public void A_folder_belongs_to_one_process()
    {
        using var first = DataFolder.Open(_folder.FullName, null);

        var error = Assert.Throws<StartupException>(() => DataFolder.Open(_folder.FullName, null));

        Assert.Equal(StartupException.TemporaryFailure, error.ExitCode);
        Assert.Contains(Environment.ProcessId.ToString(), error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_folder_that_held_a_database_is_not_started_over(bool empty)
    {
        using (var folder = DataFolder.Open(_folder.FullName, null))
        {
            folder.SaveInstance(folder.OpenInstance(TimeProvider.System, initialize: false));
        }

        if (empty)
        {
            File.WriteAllBytes(FilePath, []);
        }

        using var again = DataFolder.Open(_folder.FullName, null);

        Assert.Throws<StartupException>(() => again.OpenInstance(TimeProvider.System, initialize: false));
        Assert.NotNull(again.OpenInstance(TimeProvider.System, initialize: true));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static int Put(DbConnection connection, string key)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "insert into settings (key, value, updated_at) values (@key, '', 0)";
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("key", key);
        command.Parameters.Add(parameter);
        return command.ExecuteNonQuery();
    }

    private static long Number(DbConnection connection, string sql) => Convert.ToInt64(Scalar(connection, sql));

    private static string Text(DbConnection connection, string sql) => (string)Scalar(connection, sql)!;

    private static object? Scalar(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={FilePath};Pooling=false");
        connection.Open();
        Scalar(connection, sql);
    }
}
