using AiChat.Data;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

public sealed class MigrationTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-migration-");

    private string FilePath => System.IO.Path.Combine(_folder.FullName, "app.db");

    [Fact]
    public void Steps_are_numbered_without_gaps_and_named()
    {
        var steps = Migrator.Load();

        Assert.Equal(Enumerable.Range(1, steps.Count), steps.Select(step => step.Version));
        Assert.All(steps, step => Assert.Matches(@"\A\d{4}_[a-z_]+\.sql\z", step.Name));
    }

    [Fact]
    public void An_upgrade_keeps_the_rows_and_a_copy_of_the_file_as_it_was()
    {
        var now = Migrator.Run(FilePath);
        Run(FilePath, "insert into settings (key, value, updated_at) values ('kept', 'yes', 1)");

        Migrator.Run(FilePath, [.. Migrator.Load(), new Migration(now + 1, "next", "create table added (id integer primary key) strict;")]);

        Assert.Equal("yes", Text(FilePath, "select value from settings where key = 'kept'"));
        Assert.Equal($"{now + 1}", Text(FilePath, "select user_version from pragma_user_version"));
        var copy = Assert.Single(UpgradeCopies.Find(FilePath, UpgradeCopies.Upgrade)).Path;
        Assert.Matches($@"app\.db\.before-upgrade-from-{now}-to-{now + 1}\.\d{{8}}-\d{{6}}\z", copy);
        Assert.Equal("yes", Text(copy, "select value from settings where key = 'kept'"));
        Assert.Equal($"{now}", Text(copy, "select user_version from pragma_user_version"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(copy));
    }

    [Fact]
    public void A_step_that_fails_changes_nothing_and_names_itself()
    {
        var now = Migrator.Run(FilePath);
        var half = new Migration(now + 1, "half", "create table half (id integer) strict; insert into nowhere values (1);");
        List<Migration> steps = [.. Migrator.Load(), half];

        var error = Assert.Throws<StartupException>(() => Migrator.Run(FilePath, steps));

        Assert.Contains("half", error.Message);
        Assert.Equal($"{now}", Text(FilePath, "select user_version from pragma_user_version"));
        Assert.Equal("0", Text(FilePath, "select count(*) from sqlite_schema where name = 'half'"));
        Assert.Equal(now, Migrator.Run(FilePath));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static void Run(string path, string sql) => Text(path, sql);

    private static string? Text(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar()?.ToString();
    }
}
