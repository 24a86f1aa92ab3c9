using System.Buffers.Binary;
using System.Data.Common;
using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>A store whose files are removed or changed while it runs, and writes that wait too long.</summary>
public sealed class StoreFilesTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-files-");
    private readonly Db _db;

    public StoreFilesTests()
    {
        Migrator.Run(FilePath);
        Sql(FilePath, "insert into settings (key, value, updated_at) values ('internal.key_check', 'mine', 0)");
        _db = new Db(FilePath);
    }

    public static TheoryData<string> Ways =>
    [
        "delete", "delete-all", "move", "replace", "empty", "half", "zeros", "foreign", "older", "log-delete", "log-empty", "log-zeros",
        "shm-delete",
    ];

    private string FilePath => Path.Combine(_folder.FullName, "app.db");

    /// <summary>Page 1 is in the file with the new page count, the last page only in the log, as a reader needs its old version.</summary>
    [Fact]
    public async Task A_file_that_is_checkpointed_beside_a_reader_is_not_truncated()
    {
        await Put("first"); // the first change of a process is brought into the file at once
        await _db.Write(connection => Scalar(connection, "create table filler (id integer primary key, text text) strict"));
        await _db.Write(connection => Scalar(connection, """
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 300)
            insert into filler (text) select hex(randomblob(1500)) from n
            """));
        using (var reader = new SqliteConnection($"Data Source={FilePath};Mode=ReadOnly;Pooling=false"))
        {
            reader.Open();
            Scalar(reader, "begin");
            Assert.Equal(300, Number(reader, "select count(*) from filler"));
            await _db.Write(connection => Scalar(connection, "update filler set text = hex(randomblob(1500)) where id > 290"));
            Sql(FilePath, "pragma wal_checkpoint(passive)");
            var pages = File.ReadAllBytes(FilePath).AsSpan(28, 4);
            var whole = BinaryPrimitives.ReadUInt32BigEndian(pages) * 4096L;
            Assert.True(new FileInfo(FilePath).Length < whole, "the file is whole: the test shows nothing");

            await Put("beside");
        }

        await Put("after");
    }

    /// <summary>The schema in the file names a page that is only in the log: the file alone reads as damaged.</summary>
    [Fact]
    public async Task A_file_that_another_program_checkpoints_beside_a_reader_is_not_overwritten()
    {
        await Put("first");
        Sql(FilePath, """
            begin;
            create table moved as select * from settings;
            drop table settings;
            alter table moved rename to settings;
            create table filler as
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 300) select hex(randomblob(1500)) as text from n;
            commit
            """);
        using (var reader = new SqliteConnection($"Data Source={FilePath};Mode=ReadOnly;Pooling=false"))
        {
            reader.Open();
            Scalar(reader, "begin");
            Assert.Equal(300, Number(reader, "select count(*) from filler"));
            Sql(FilePath, "update settings set updated_at = 1 where key <> 'internal.key_check'; pragma wal_checkpoint(passive)");
            Assert.Throws<SqliteException>(() => Sql($"file:{FilePath}?immutable=1", "select count(*) from settings"));

            await Put("beside");
        }

        await Put("after");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Nothing_is_acknowledged_once_the_file_is_not_the_one_that_was_opened(string way)
    {
        File.Copy(FilePath, FilePath + ".old");
        var broken = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        _db.Broken += error => broken.TrySetResult(error);
        await Fill();
        if (way == "older")
        {
            Sql(FilePath, "pragma wal_checkpoint(truncate)"); // until this the copy and the file are equal
            await Put("seen");
        }

        Harm(way);
        var error = await Assert.ThrowsAsync<StoreException>(() => Put("late").WaitAsync(Limit));
        await Assert.ThrowsAsync<StoreException>(() => Put("later").WaitAsync(Limit));

        Assert.Equal(StoreFailure.Unavailable, error.Failure);
        var message = (await broken.Task.WaitAsync(Limit)).Message;
        Assert.Contains(FilePath, message);
        Assert.Contains("start again", message);
        var left = File.Exists(FilePath) ? File.ReadAllBytes(FilePath) : [];
        _db.Dispose();
        Assert.Equal(left, File.Exists(FilePath) ? File.ReadAllBytes(FilePath) : []); // the file is no longer the store's to change
        if (way == "delete-all")
        {
            Assert.Equal(300L, Sql(FilePath + ".rescued", "select count(*) from settings where key like 'k%'"));
        }
    }

    [Fact]
    public async Task A_file_that_disappears_while_nothing_is_written_is_noticed()
    {
        var broken = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        _db.Broken += error => broken.TrySetResult(error);
        await Put("first");

        File.Delete(FilePath);

        Assert.Contains("deleted", (await broken.Task.WaitAsync(Limit)).Message);
    }

    [Fact]
    public async Task Legitimate_changes_by_another_program_are_accepted()
    {
        var others = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _db.ChangedByOthers += () => others.TrySetResult();
        await Fill();

        Sql(FilePath, "insert into settings (key, value, updated_at) values ('theirs', 'x', 0); pragma wal_checkpoint(truncate)");
        await Put("after");
        Sql(FilePath, "vacuum; pragma wal_checkpoint(truncate)");
        await Put("at last");

        await others.Task.WaitAsync(Limit);
        Assert.Equal(303L, await _db.Read(connection =>
            Number(connection, "select count(*) from settings where key like 'k%' or key in ('theirs', 'after', 'at last')")));
    }

    [Fact]
    public async Task A_file_that_reappears_at_once_is_accepted()
    {
        await Put("first");
        File.Move(FilePath, FilePath + ".away");
        var waiting = Put("second");
        File.Move(FilePath + ".away", FilePath);

        await waiting.WaitAsync(Limit);
        Assert.Equal(2L, await _db.Read(connection =>
            Number(connection, "select count(*) from settings where key in ('first', 'second')")));
    }

    [Fact]
    public async Task A_write_behind_a_slow_one_fails_after_five_seconds_and_never_runs()
    {
        using var go = new ManualResetEventSlim();
        var slow = _db.Write(connection => go.Wait(Limit));
        var behind = Enumerable.Range(0, 5).Select(i => Put($"behind{i}")).ToList();

        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        foreach (var write in behind)
        {
            Assert.Equal(StoreFailure.Busy, (await Assert.ThrowsAsync<StoreException>(() => write.WaitAsync(Limit))).Failure);
        }

        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(begun).TotalSeconds, 3, 7);
        Assert.False(slow.IsCompleted); // a write that has begun is awaited
        go.Set();
        Assert.True(await slow.WaitAsync(Limit));
        await Put("fresh");
        Assert.Equal(0L, await _db.Read(connection => Number(connection, "select count(*) from settings where key like 'behind%'")));
    }

    [Fact]
    public async Task A_database_that_another_program_locks_is_busy_after_five_seconds_and_works_again_later()
    {
        await Put("first");
        using var other = new SqliteConnection($"Data Source={FilePath};Pooling=false");
        other.Open();
        Scalar(other, "begin immediate");

        Assert.Equal(StoreFailure.Busy, (await Assert.ThrowsAsync<StoreException>(() => Put("blocked").WaitAsync(Limit))).Failure);
        var waiting = Put("waiting");
        Scalar(other, "rollback");

        await waiting.WaitAsync(Limit);
        Assert.Equal(0L, await _db.Read(connection => Number(connection, "select count(*) from settings where key = 'blocked'")));
    }

    public void Dispose()
    {
        _db.Dispose();
        _folder.Delete(recursive: true);
    }

    private void Harm(string way)
    {
        var log = FilePath + "-wal";
        switch (way)
        {
            case "delete": File.Delete(FilePath); break;
            case "delete-all": File.Delete(FilePath); File.Delete(log); File.Delete(FilePath + "-shm"); break;
            case "move": File.Move(FilePath, FilePath + ".away"); break;
            case "replace": File.Move(FilePath + ".old", FilePath, overwrite: true); break;
            case "empty": Over(FilePath, []); break;
            case "half": Over(FilePath, File.ReadAllBytes(FilePath)[..(8 * 4096)]); break;
            case "zeros": Over(FilePath, new byte[new FileInfo(FilePath).Length]); break;
            case "older": Over(FilePath, File.ReadAllBytes(FilePath + ".old")); break;
            case "foreign":
                var other = Path.Combine(_folder.FullName, "other.db");
                Migrator.Run(other);
                Sql(other, """
                    insert into settings (key, value, updated_at) values ('internal.key_check', 'theirs', 1);
                    pragma wal_checkpoint(truncate)
                    """);
                Over(FilePath, File.ReadAllBytes(other));
                break;
            case "log-delete": File.Delete(log); break;
            case "log-empty": Over(log, []); break;
            case "log-zeros": Over(log, new byte[new FileInfo(log).Length]); break;
            case "shm-delete": File.Delete(FilePath + "-shm"); break;
        }
    }

    /// <summary>Overwrites the file in place, as cp does.</summary>
    private static void Over(string path, byte[] bytes)
    {
        using var file = new FileStream(path, FileMode.Truncate, FileAccess.Write, FileShare.ReadWrite);
        file.Write(bytes);
    }

    private Task<object?[]> Fill() => Task.WhenAll(Enumerable.Range(0, 300).Select(i => Put($"k{i}")));

    private Task<object?> Put(string key) => _db.Write(connection =>
        Scalar(connection, $"insert into settings (key, value, updated_at) values ('{key}', hex(randomblob(400)), 0)"));

    private static long Number(DbConnection connection, string sql) => Convert.ToInt64(Scalar(connection, sql));

    private static object? Sql(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        connection.Open();
        return Scalar(connection, sql);
    }

    private static object? Scalar(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
