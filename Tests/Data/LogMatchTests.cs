using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>
/// A database file that somebody put back beside the log of a later state is told and asked about; the log of a crash never is, whenever
/// it came. What a crash leaves is taken from the files of a live writer after each of its steps, and from checkpoints that came to some
/// pages.
/// </summary>
public sealed class LogMatchTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-put-back-");
    private readonly List<string> _said = [];

    private string Live => Path.Combine(_folder.FullName, "live.db");

    private string Crashed => Path.Combine(_folder.FullName, "app.db");

    [Fact]
    public async Task A_copy_from_a_stopped_server_beside_a_later_log_is_refused_until_somebody_chooses()
    {
        await Session("first");
        var copy = Keep(Live);
        await SessionThatCrashes("second");
        File.Copy(copy, Crashed, overwrite: true);

        var error = Refused();
        Assert.Contains("aichat serve --keep-file", error);
        Assert.Contains("aichat serve --keep-log", error);
        Assert.Contains("has 0 accounts, 1 chat and 0 messages", error);
        Assert.Contains("3 chats", error);

        var (main, log) = (File.ReadAllBytes(Crashed), File.ReadAllBytes(Crashed + "-wal"));
        Migrator.Run(Crashed, new StartProgress { LogChoice = LogChoice.KeepFile, Say = _said.Add });
        Assert.Equal(["first"], Titles());
        var aside = Assert.Single(_folder.GetFiles("app.db-wal.aside-*"));
        Assert.Equal(log, File.ReadAllBytes(aside.FullName));
        Assert.Contains(aside.FullName, Assert.Single(_said));

        File.WriteAllBytes(Crashed, main);
        File.WriteAllBytes(Crashed + "-wal", log);
        Migrator.Run(Crashed, new StartProgress { LogChoice = LogChoice.KeepLog });
        Assert.Equal(["first", "second", "second later"], Titles());
    }

    [Fact]
    public void A_copy_that_was_made_while_the_server_ran_is_refused_too()
    {
        Migrator.Run(Live);
        var copy = Path.Combine(_folder.FullName, "copy");
        using (var writer = new Writer(Live))
        {
            writer.Write("first");
            writer.Write("second");
            OldRows.Text(Live, $"vacuum into '{copy}'");
            Assert.True(writer.Log.Checkpoint());
            writer.Write("third");
            Crash();
        }

        File.Copy(copy, Crashed, overwrite: true);
        Assert.Contains("--keep-file", Refused());
    }

    [Fact]
    public async Task A_copy_from_before_this_version_is_refused_too()
    {
        Migrator.Run(Live);
        OldRows.Text(Live, "insert into sessions (title, created_at, updated_at) values ('first', 1, 1)");
        var copy = Keep(Live);
        await SessionThatCrashes("second");
        File.Copy(copy, Crashed, overwrite: true);

        Assert.Contains("--keep-file", Refused());
    }

    [Fact]
    public async Task A_file_of_an_earlier_time_after_a_restore_is_refused_although_it_counts_alike()
    {
        await Session("first");
        var restored = Keep(Live);
        await Session("second");
        var other = Keep(Live); // the same number of generations as the next lines make
        File.Copy(restored, Live, overwrite: true);
        await SessionThatCrashes("third");
        File.Copy(other, Crashed, overwrite: true);

        Refused();
    }

    /// <summary>
    /// The files after each step of a writer, also while a reader keeps the log from being emptied, after another program's checkpoint, and
    /// with any part of a checkpoint done.
    /// </summary>
    [Fact]
    public void What_a_crash_leaves_is_never_refused()
    {
        Migrator.Run(Live);
        var random = new Random(16);
        for (var session = 0; session < 3; session++)
        {
            using var writer = new Writer(Live);
            for (var burst = 0; burst < 6; burst++)
            {
                for (var write = 0; write < 3; write++)
                {
                    // Settings move between pages, so that the row does too.
                    var (name, text) = ($"{session}.{burst}.{write}", new string('x', random.Next(900)));
                    writer.Write(name, Accepted, $"insert into settings (key, value, updated_at) values ('s{name}', '{text}', 1)");
                }

                if (burst % 3 == 1)
                {
                    OldRows.Text(Live, "pragma wal_checkpoint(passive)");
                    Accepted();
                }

                using (var reader = SqliteConnections.OpenReader(Live))
                {
                    OldRows.List(reader, "begin; select count(*) from settings");
                    writer.Write("seen by no checkpoint");
                    Assert.False(writer.Log.Checkpoint());
                    Accepted();
                    writer.Write("after it");
                    Accepted();
                }

                Crash();
                var (before, log) = (File.ReadAllBytes(Crashed), File.ReadAllBytes(Crashed + "-wal"));
                Assert.True(writer.Log.Checkpoint());
                Accepted();
                var after = File.ReadAllBytes(Live);
                for (var mix = 0; mix < 10; mix++)
                {
                    Torn(before, after, log, random);
                }
            }
        }
    }

    /// <summary>The generation is closed in the log, and the checkpoint has come to any pages of the file.</summary>
    private void Torn(byte[] before, byte[] after, byte[] log, Random random)
    {
        const int page = 4096;
        var file = new byte[Math.Max(before.Length, after.Length)];
        before.CopyTo(file, 0);
        for (var at = 0; at < after.Length; at += page)
        {
            if (random.Next(2) == 0)
            {
                after.AsSpan(at, page).CopyTo(file.AsSpan(at));
            }
        }

        File.WriteAllBytes(Crashed, file);
        File.WriteAllBytes(Crashed + "-wal", log);
        File.Delete(Crashed + "-shm");
        Migrator.Run(Crashed);
    }

    [Fact]
    public async Task A_crash_of_a_start_that_had_nothing_to_write_is_never_refused()
    {
        await Session("first");
        await SessionThatCrashes("second");
        Migrator.Run(Crashed);
        using (var reader = SqliteConnections.OpenReader(Crashed))
        {
            OldRows.Text(Crashed, "insert into settings (key, value, updated_at) values ('by', 'sqlite3', 1)");
        }

        Migrator.Run(Crashed);
        Assert.Equal(["first", "second", "second later"], Titles());
    }

    [Fact]
    public async Task Neither_choice_touches_a_log_that_is_the_files_own()
    {
        await Session("first");
        await SessionThatCrashes("second");

        Migrator.Run(Crashed, new StartProgress { LogChoice = LogChoice.KeepFile });

        Assert.Equal(["first", "second", "second later"], Titles());
        Assert.Empty(_folder.GetFiles("app.db-wal.aside-*"));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static Task Add(Db db, string title) => db.Write(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "insert into sessions (title, created_at, updated_at) values (@title, 1, 1)";
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("title", title);
        command.Parameters.Add(parameter);
        command.ExecuteNonQuery();
    });

    private async Task Session(string title)
    {
        Migrator.Run(Live);
        using var db = new Db(Live);
        await Add(db, title);
    }

    private async Task SessionThatCrashes(string title)
    {
        Migrator.Run(Live);
        using var db = new Db(Live);
        await Add(db, title); // the first change of a process is brought into the file at once
        await Add(db, title + " later");
        Crash();
    }

    private string Keep(string path)
    {
        var copy = Path.Combine(_folder.FullName, $"kept-{Guid.NewGuid():N}");
        File.Copy(path, copy);
        return copy;
    }

    private void Crash()
    {
        File.Copy(Live, Crashed, overwrite: true);
        File.Copy(Live + "-wal", Crashed + "-wal", overwrite: true);
        File.Delete(Crashed + "-shm");
    }

    private void Accepted()
    {
        Crash();
        Migrator.Run(Crashed);
    }

    private string Refused()
    {
        var (main, log) = (File.ReadAllBytes(Crashed), File.ReadAllBytes(Crashed + "-wal"));
        var error = Assert.Throws<StartupException>(() => Migrator.Run(Crashed));
        Assert.Equal(StartupException.Configuration, error.ExitCode);
        Assert.Equal((main.Length, log.Length), (new FileInfo(Crashed).Length, new FileInfo(Crashed + "-wal").Length));
        Assert.Equal(main, File.ReadAllBytes(Crashed));
        Assert.Equal(log, File.ReadAllBytes(Crashed + "-wal"));
        return error.Message;
    }

    private List<string> Titles() => OldRows.List(Crashed, "select title from sessions order by id");

    /// <summary>Writes as the store's own thread does, step by step.</summary>
    private sealed class Writer : IDisposable
    {
        private readonly SqliteConnection _connection;

        public Writer(string path)
        {
            _connection = SqliteConnections.OpenWriter(path);
            Log = new WriterLog(_connection, 250);
        }

        public WriterLog Log { get; }

        public void Write(string title, Action? look = null, string more = "select 1")
        {
            OldRows.List(_connection, "begin immediate");
            var opens = Log.Open();
            OldRows.List(_connection, $"insert into sessions (title, created_at, updated_at) values ('{title}', 1, 1); {more}");
            look?.Invoke();
            OldRows.List(_connection, "commit");
            look?.Invoke();
            Log.Committed(opens);
            look?.Invoke();
        }

        public void Dispose() => _connection.Dispose();
    }
}
