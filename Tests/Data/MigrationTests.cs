using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using AiChat.Data;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

public sealed partial class MigrationTests : IDisposable
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

    /// <summary>
    /// A step that somebody's database has run is never changed: what it lacked would be missing there for good. A change is a new step.
    /// Comments and blanks do not count.
    /// </summary>
    [Theory]
    [InlineData("0001_initial.sql", "0c4f274aca89af43")]
    [InlineData("0002_keep_shared_end.sql", "f534ded2f64ed7a7")]
    [InlineData("0003_keep_trimmed_count.sql", "4dadee54b7745f21")]
    [InlineData("0004_never_reuse_ids.sql", "6f4ce6c2f1067fe7")]
    [InlineData("0005_index_text_by_owner.sql", "c6677415f01409d3")]
    [InlineData("0006_find_streaming_messages.sql", "6d5577c541e5674e")]
    [InlineData("0007_drop_run_base_length.sql", "a85bf25ec5be7ce1")]
    [InlineData("0008_reach_by_proxy.sql", "25cffceb88bda713")]
    [InlineData("0009_keep_imported_keys.sql", "a70ff0f97b9c0a33")]
    [InlineData("0010_keep_imported_rows.sql", "d3fc1bf6f9bebf28")]
    [InlineData("0011_fold_text_index.sql", "c37a603f1a61ac31")]
    [InlineData("0012_keep_memory_bounds.sql", "1790dd5e379c46e4")]
    [InlineData("0013_index_text_ends.sql", "0f977802e32063f3")]
    [InlineData("0014_keep_saved_money.sql", "97f865ce08297fe6")]
    [InlineData("0015_write_less_per_answer.sql", "3e521af24744eafb")]
    [InlineData("0016_index_flags.sql", "7aeb7918f92a8b19")]
    [InlineData("0017_write_fewer_pages.sql", "d4e33dae9626b846")]
    public void A_step_that_has_been_run_somewhere_stays_as_it_is(string name, string hash)
    {
        var sql = Migrator.Load().Single(step => step.Name == name).Sql;
        var plain = Blanks().Replace(Comments().Replace(sql, ""), " ").Trim();
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(plain)))[..16]);
    }

    /// <summary>A build between releases had the eleventh step without its last column.</summary>
    [Fact]
    public void A_column_that_a_build_between_releases_lacked_is_added_by_the_upgrade_and_told()
    {
        var all = Migrator.Load();
        Migrator.Run(FilePath, all[..11]);
        OldRows.Fill(FilePath);
        Run(FilePath, "alter table usage_entries drop column saved_nanos");
        List<string> said = [];

        Migrator.Run(FilePath, new StartProgress { Say = said.Add });

        Assert.Contains(said, line => line.Contains("usage_entries.saved_nanos", StringComparison.Ordinal));
        Assert.Equal("0", Text(FilePath, "select max(saved_nanos) from usage_entries"));
        Migrator.Run(FilePath);
    }

    [Fact]
    public void An_upgrade_of_a_database_that_lacks_a_table_changes_nothing_and_names_it()
    {
        var all = Migrator.Load();
        Migrator.Run(FilePath, all[..11]);
        Run(FilePath, "drop table drafts");

        var error = Assert.Throws<StartupException>(() => Migrator.Run(FilePath));

        Assert.Contains("drafts.", error.Message);
        Assert.Equal("11", Text(FilePath, "select user_version from pragma_user_version"));
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

    [GeneratedRegex("--[^\n]*")]
    private static partial Regex Comments();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
