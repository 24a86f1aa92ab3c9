using AiChat.Data;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>The log that a crash leaves beside the database: its own log is replayed, any other stops the start.</summary>
public sealed class WalRecoveryTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-log-");

    [Fact]
    public void The_log_of_a_crash_is_replayed()
    {
        var crashed = Crash("mine");

        Migrator.Run(crashed);

        Assert.Equal("mine", Owner(crashed));
        Assert.Equal("in the log", Text(crashed, "select value from settings where key = 'late'"));
        Assert.False(Directory.Exists(crashed + ".trial"));
    }

    [Fact]
    public void A_log_in_which_the_master_key_changes_is_the_databases_own()
    {
        var crashed = Crash("mine", last: "update settings set value = 'changed' where key = 'internal.key_check'");

        Migrator.Run(crashed);

        Assert.Equal("changed", Owner(crashed));
    }

    [Fact]
    public void Garbage_in_place_of_the_log_stops_the_start_and_changes_nothing()
    {
        var crashed = Crash("mine");
        var garbage = new byte[40_000];
        Random.Shared.NextBytes(garbage);
        File.WriteAllBytes(crashed + "-wal", garbage);

        Refused(crashed, "is damaged");
    }

    [Fact]
    public void One_wrong_byte_in_the_head_of_the_log_stops_the_start()
    {
        var crashed = Crash("mine");
        var log = File.ReadAllBytes(crashed + "-wal");
        log[17] ^= 1;
        File.WriteAllBytes(crashed + "-wal", log);

        Refused(crashed, "is damaged");
    }

    [Fact]
    public void A_log_with_other_pages_stops_the_start()
    {
        var crashed = Crash("mine");
        File.Copy(Crash("small", "pragma page_size = 1024;") + "-wal", crashed + "-wal", overwrite: true);

        Refused(crashed, "is damaged");
    }

    [Fact]
    public void The_log_of_another_installation_stops_the_start()
    {
        var crashed = Crash("mine");
        File.Copy(Crash("theirs") + "-wal", crashed + "-wal", overwrite: true);

        Refused(crashed, "another database");
    }

    [Fact]
    public void An_empty_log_is_ignored()
    {
        var crashed = Crash("mine");
        File.WriteAllBytes(crashed + "-wal", []);

        Migrator.Run(crashed);

        Assert.Equal("mine", Owner(crashed));
    }

    [Fact]
    public void A_large_database_replays_its_own_log_and_not_that_of_another()
    {
        const string large = """
            create table filler (text text) strict;
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 1500)
            insert into filler select hex(randomblob(2000)) from n;
            """;
        var crashed = Crash("mine", fill: large);
        var strange = Crash("strange", fill: large + large.Replace("filler", "more"));
        File.Copy(Crash("theirs", fill: large) + "-wal", strange + "-wal", overwrite: true);

        Migrator.Run(crashed);

        Assert.Equal("in the log", Text(crashed, "select value from settings where key = 'late'"));
        Assert.Throws<StartupException>(() => Migrator.Run(strange));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static void Refused(string path, string reason)
    {
        var before = (Convert.ToHexString(File.ReadAllBytes(path)), Convert.ToHexString(File.ReadAllBytes(path + "-wal")));

        var error = Assert.Throws<StartupException>(() => Migrator.Run(path));

        Assert.Equal(StartupException.Configuration, error.ExitCode);
        Assert.Contains(reason, error.Message);
        Assert.Equal(before, (Convert.ToHexString(File.ReadAllBytes(path)), Convert.ToHexString(File.ReadAllBytes(path + "-wal"))));
    }

    /// <summary>A database and its log as left by a process that was killed after its last commit.</summary>
    private string Crash(string owner, string before = "", string fill = "", string last = "")
    {
        var live = Path.Combine(_folder.FullName, $"{owner}-live.db");
        var crashed = Path.Combine(_folder.FullName, $"{owner}.db");
        if (before.Length > 0)
        {
            Text(live, before + "vacuum;");
        }

        Migrator.Run(live);
        if (fill.Length > 0)
        {
            Text(live, fill);
        }

        var made = owner.Sum(letter => letter);
        Text(live, $"insert into settings (key, value, updated_at) values ('internal.key_check', '{owner}', {made})");
        using var connection = SqliteConnections.OpenWriter(live);
        using var command = connection.CreateCommand();
        command.CommandText = $"""
            insert into settings (key, value, updated_at) values ('late', 'in the log', 1);
            {last}
            """;
        command.ExecuteNonQuery();
        File.Copy(live, crashed);
        File.Copy(live + "-wal", crashed + "-wal");
        return crashed;
    }

    private static string? Owner(string path) => Text(path, "select value from settings where key = 'internal.key_check'");

    private static string? Text(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string;
    }
}
