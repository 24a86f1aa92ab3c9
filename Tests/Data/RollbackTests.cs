using AiChat.Data;
using AiChat.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>Upgrades from every schema so far, with rows in every table, and the way back.</summary>
public sealed class RollbackTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-rollback-");
    private readonly List<Migration> _all = Migrator.Load();
    private readonly List<string> _said = [];

    public static TheoryData<int> Older => [.. Enumerable.Range(1, Migrator.Load().Count - 1)];

    private string FilePath => Path.Combine(_folder.FullName, "app.db");

    private StartProgress Progress => new() { Say = _said.Add };

    [Fact]
    public void Each_step_has_a_way_back() => Assert.All(_all.Skip(1), step => Assert.True(step.Down is not null, step.Name));

    /// <summary>What an older program wrote is the same after there and back, and what was written in between is there too.</summary>
    [Theory]
    [MemberData(nameof(Older))]
    public void There_and_back_and_there_again_keeps_what_was_written_at_each_time(int older)
    {
        Migrator.Run(FilePath, _all[..older]);
        OldRows.Fill(FilePath);
        var before = OldRows.Read(FilePath);

        Migrator.Run(FilePath, Progress);
        Sql("insert into sessions (id, user_id, title, created_at, updated_at) values (9001, 1, 'in between', 1, 1)");
        Sql("""
            insert into messages (id, session_id, role, content, status, created_at) values (9001, 9001, 'user', 'Zwischen', 'done', 1)
            """);
        var aside = Back();

        Assert.Equal(older, Schema(FilePath));
        Assert.Equal(_all.Count, Schema(aside));
        Assert.Equal("in between", Sql("select title from sessions where id = 9001"));
        Sql("delete from messages where id = 9001; delete from sessions where id = 9001");
        OldRows.Same(before, OldRows.Read(FilePath));
        Assert.Equal("ok", Sql("pragma integrity_check"));
        Assert.Null(Sql("select \"table\" from pragma_foreign_key_check"));

        // The older program writes, and the next upgrade keeps that.
        Migrator.Run(FilePath, _all[..older]);
        Sql("insert into sessions (user_id, title, created_at, updated_at) values (1, 'by the older one', 1, 1)");
        Migrator.Run(FilePath);
        Assert.Equal(_all.Count, Schema(FilePath));
        Assert.Equal("1", Sql("select count(*) from sessions where title = 'by the older one'"));
    }

    [Theory]
    [MemberData(nameof(Older))]
    public void The_way_back_ends_with_the_schema_that_the_older_program_makes(int older)
    {
        var made = Path.Combine(_folder.FullName, "made.db");
        Migrator.Run(made, _all[..older]);
        Migrator.Run(FilePath);
        SchemaRollback.Run(FilePath, new RollbackPlan(_all.Count, older, null, []), _all, Progress);

        Assert.Equal(Objects(made), Objects(FilePath));
        Assert.Equal(Columns(made), Columns(FilePath));
    }

    [Fact]
    public void What_the_older_schema_has_no_place_for_is_told_before()
    {
        Migrator.Run(FilePath, _all[..7]);
        Migrator.Run(FilePath);
        Sql("update connections set proxy = 'none'");
        Sql("insert into imported_rows (kind, source_key, id) values ('user', 'a', 1), ('user', 'b', 2)");
        Sql("insert into messages_text_due (id) values (1)"); // nobody misses it

        var plan = SchemaRollback.Plan(FilePath, null, exact: false, _all, Progress);

        Assert.Equal(7, plan.To);
        Assert.Equal(["connections.proxy of 1 rows", "the table imported_rows with 2 rows"], plan.Lost.Order());
    }

    /// <summary>Without them the same archive would be taken twice after the next upgrade.</summary>
    [Fact]
    public void What_was_imported_is_known_again_after_the_next_upgrade()
    {
        Migrator.Run(FilePath, _all[..8]);
        OldRows.Fill(FilePath);
        Migrator.Run(FilePath);
        Sql("""
            insert into imported_rows (kind, source_key, id) values ('user', 'a', 1);
            insert into imported_chats (id, user_id, source, source_key, session_id, imported_at)
            values (7, 1, 'chatgpt', 'kept', 1, 1), (8, 3, 'chatgpt', 'of one who goes', 2, 1);
            insert into imported_messages (chat_id, source_key, message_id) values (7, 'm', 1);
            insert into imports (id, user_id, state, name, bytes, created_at) values (5, 1, 'done', 'x', 1, 1), (6, 3, 'done', 'y', 1, 1);
            """);
        var messages = OldRows.Read(FilePath)["imported_messages"];
        Back();
        Assert.Equal(8, Schema(FilePath));
        Sql("pragma foreign_keys = on; delete from users where id = 3");

        Migrator.Run(FilePath, Progress);

        Assert.Equal("1", Sql("select count(*) from imported_rows where source_key = 'a' and id = 1"));
        Assert.Equal("chatgpt kept 1", Sql("select source || ' ' || source_key || ' ' || user_id from imported_chats where id = 7"));
        Assert.Equal("", Sql("select user_id from imported_chats where id = 8"));
        Assert.Equal(messages, OldRows.Read(FilePath)["imported_messages"]);
        Assert.Equal("5", Sql("select group_concat(id) from imports"));
        Assert.Null(Sql("select \"table\" from pragma_foreign_key_check"));
        Assert.Contains(_said, line => line.Contains("imported_chats (2)", StringComparison.Ordinal));
    }

    [Fact]
    public void A_command_does_not_upgrade_what_was_taken_back()
    {
        Migrator.Run(FilePath, _all[..8]);
        Migrator.Run(FilePath);
        Back();
        var refused = Assert.Throws<StartupException>(() => Migrator.Run(FilePath, _all, forCommand: true));
        Assert.Contains("older program for commands", refused.Message);
        Assert.Equal(8, Schema(FilePath));
        Migrator.Run(FilePath);
        Assert.Equal(_all.Count, Migrator.Run(FilePath, forCommand: true));
    }

    /// <summary>A copy without the chats of later days must not make them count as deleted.</summary>
    [Fact]
    public void What_names_chats_that_the_copy_lacks_does_not_come_back()
    {
        Migrator.Run(FilePath, _all[..8]);
        OldRows.Fill(FilePath);
        Migrator.Run(FilePath);
        Sql("insert into sessions (id, user_id, title, created_at, updated_at) values (9001, 1, 'late', 1, 1)");
        Sql("insert into imported_chats (user_id, source, source_key, session_id, imported_at) values (1, 'chatgpt', 'x', 9001, 1)");
        SchemaRollback.Run(FilePath, SchemaRollback.Plan(FilePath, null, exact: true, _all, Progress), _all, Progress);

        Migrator.Run(FilePath);

        Assert.Equal("0", Sql("select count(*) from imported_chats"));
    }

    [Fact]
    public void Where_a_step_has_no_way_back_the_copy_is_put_back_and_what_it_lacks_is_told_and_kept()
    {
        var now = Migrator.Run(FilePath);
        OldRows.Fill(FilePath);
        List<Migration> more = [.. _all, new Migration(now + 1, "more.sql", "create table more (id integer primary key) strict;")];
        Migrator.Run(FilePath, more, Progress);
        Sql("insert into sessions (id, user_id, title, created_at, updated_at) values (9001, 1, 'late', 1, 1)");

        var plan = SchemaRollback.Plan(FilePath, null, exact: false, more, Progress);
        Assert.Equal("1 new chats", Assert.Single(plan.Lost));
        var aside = SchemaRollback.Run(FilePath, plan, more, Progress);

        Assert.Equal(now, Migrator.Run(FilePath));
        Assert.Equal("0", Sql("select count(*) from sessions where title = 'late'"));
        Assert.Equal("1", Sql("select count(*) from sqlite_schema where name = 'sessions'"));
        Migrator.Run(FilePath, more, Progress);
        var told = Assert.Single(_said, line => line.Contains("1 new chats", StringComparison.Ordinal));
        Assert.Contains(aside, told);
        Assert.Equal("late", Sql("select title from sessions where id = 9001", aside));
    }

    [Fact]
    public void A_way_back_that_ends_elsewhere_changes_nothing()
    {
        var now = Migrator.Run(FilePath);
        List<Migration> wrong = [.. _all, new Migration(now + 1, "w.sql", "create table w (id integer) strict;", "select 1;")];
        Migrator.Run(FilePath, wrong);

        var error = Assert.Throws<StartupException>(
            () => SchemaRollback.Run(FilePath, new RollbackPlan(now + 1, now, null, []), wrong, Progress));

        Assert.Contains("another schema", error.Message);
        Assert.Equal(now + 1, Schema(FilePath));
    }

    [Fact]
    public void The_newest_three_copies_are_kept_and_old_ones_of_earlier_versions_go()
    {
        var now = Migrator.Run(FilePath, _all[..2]);
        File.WriteAllText(FilePath + ".pre-v2", "old");
        File.SetLastWriteTimeUtc(FilePath + ".pre-v2", new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        foreach (var day in new[] { "20250101", "20250102", "20260103" })
        {
            File.WriteAllText($"{FilePath}.before-upgrade-from-1-to-2.{day}-000000", day);
        }

        File.WriteAllText(FilePath + ".before-upgrade-from-1-to-2.20250101-000000.new", "half");
        File.WriteAllText(FilePath + ".mine", "not ours");
        Migrator.Run(FilePath);

        var left = _folder.GetFiles().Select(file => file.Name).Where(name => name != "app.db").Order().ToList();
        Assert.Equal(4, left.Count);
        Assert.Contains("app.db.before-upgrade-from-1-to-2.20250102-000000", left);
        Assert.Contains("app.db.before-upgrade-from-1-to-2.20260103-000000", left);
        Assert.Contains("app.db.mine", left);
        Assert.Equal(now, UpgradeCopies.Find(FilePath, UpgradeCopies.Upgrade)[0].Schema);
    }

    /// <summary>A probe that kills a long upgrade again and again must not fill the disk with copies.</summary>
    [Fact]
    public void An_upgrade_that_is_ended_again_and_again_keeps_one_copy()
    {
        Migrator.Run(FilePath, _all[..3]);
        OldRows.Fill(FilePath);
        List<Migration> failing = [.. _all[..^1], _all[^1] with { Sql = "insert into nowhere values (1);" }];
        for (var time = 0; time < 4; time++)
        {
            Assert.Throws<StartupException>(() => Migrator.Run(FilePath, failing));
        }

        var copy = Assert.Single(UpgradeCopies.Find(FilePath, UpgradeCopies.Upgrade)).Path;
        Sql("insert into settings (key, value, updated_at) values ('later', 'x', 1)");
        Migrator.Run(FilePath);
        const string later = "select value from settings where key = 'later'";
        Assert.Equal("x", Sql(later, UpgradeCopies.Find(FilePath, UpgradeCopies.Upgrade)[0].Path));
        Assert.Null(Sql(later, copy));
    }

    [Fact]
    public void A_copy_that_cannot_be_made_refuses_the_upgrade_and_changes_nothing()
    {
        Migrator.Run(FilePath, _all[..3]);
        OldRows.Fill(FilePath);
        var bytes = File.ReadAllBytes(FilePath);
        var name = $"{FilePath}.before-upgrade-from-3-to-{_all.Count}.";
        // The name of the copy tells the second: whichever it will be, a folder stands there.
        var now = DateTime.UtcNow;
        foreach (var second in Enumerable.Range(0, 60))
        {
            Directory.CreateDirectory($"{name}{now.AddSeconds(second):yyyyMMdd-HHmmss}.new");
        }

        var error = Assert.Throws<StartupException>(() => Migrator.Run(FilePath));

        Assert.Contains("cannot be copied before the upgrade", error.Message);
        Assert.Contains("Nothing was changed", error.Message);
        Assert.Equal(bytes, File.ReadAllBytes(FilePath));
    }

    [Fact]
    public void A_database_behind_a_link_is_upgraded_where_it_is()
    {
        var elsewhere = Directory.CreateDirectory(Path.Combine(_folder.FullName, "elsewhere")).FullName;
        var real = Path.Combine(elsewhere, "real.db");
        Migrator.Run(real, _all[..3]);
        File.CreateSymbolicLink(FilePath, real);

        using (var folder = DataFolder.Open(_folder.FullName, null))
        {
            Assert.Equal(real, folder.DatabasePath);
            Migrator.Run(folder.DatabasePath);
        }

        Assert.Equal(real, new FileInfo(FilePath).LinkTarget);
        Assert.Equal(_all.Count, Schema(real));
        Assert.StartsWith(elsewhere, Assert.Single(UpgradeCopies.Find(real, UpgradeCopies.Upgrade)).Path);
    }

    [Fact]
    public void An_upgrade_that_is_stopped_in_the_middle_leaves_the_database_as_before()
    {
        Migrator.Run(FilePath, _all[..3]);
        OldRows.Fill(FilePath, messages: 3000);
        var before = OldRows.Read(FilePath);
        using var stop = new CancellationTokenSource();
        List<Migration> steps =
        [
            .. _all[..^1],
            // The last one takes until it is stopped.
            _all[^1] with { Sql = "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n;" },
        ];
        var progress = new StartProgress(stop.Token);
        var shares = new List<double>();
        var watching = Task.Run(() =>
        {
            while (progress.Now.Detail != steps[^1].Name)
            {
                shares.Add(progress.Now.Share ?? 0);
                Thread.Yield();
            }

            stop.Cancel();
        });

        Assert.Throws<OperationCanceledException>(() => Migrator.Run(FilePath, steps, progress));

        Assert.True(watching.IsCompleted);
        Assert.Equal(3, Schema(FilePath));
        OldRows.Same(before, OldRows.Read(FilePath));
        Assert.Equal(_all.Count, Migrator.Run(FilePath));
    }

    [Fact]
    public void The_share_grows_in_the_middle_of_a_long_statement()
    {
        Migrator.Run(FilePath, _all[..4]);
        OldRows.Fill(FilePath, messages: 3000);
        var shares = new List<double>();
        using var connection = SqliteConnections.OpenWriter(FilePath);
        var progress = new StartProgress();
        connection.CreateFunction("look", () =>
        {
            shares.Add(progress.Now.Share!.Value);
            return 1;
        });

        // The trigger looks a hundred times while the index is filled.
        List<SchemaStep> steps =
        [
            new("5", _all[4].Sql.Replace(
                "where content <> '' order by id;",
                "where content <> '' and iif(id % 30 = 0, look(), 1) order by id;",
                StringComparison.Ordinal)),
        ];
        SchemaChange.Run(connection, steps, 5, progress);

        Assert.InRange(shares.Count, 90, 200);
        Assert.Equal(shares.Order(), shares);
        Assert.True(shares[0] < 0.2 && shares[^1] > 0.8, $"{shares[0]} to {shares[^1]}");
        Assert.True(shares.Distinct().Count() > 10);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string Back() =>
        SchemaRollback.Run(FilePath, SchemaRollback.Plan(FilePath, null, exact: false, _all, Progress), _all, Progress);

    private static int Schema(string path) => int.Parse(OldRows.Text(path, "select user_version from pragma_user_version")!);

    private string? Sql(string sql, string? path = null) => OldRows.Text(path ?? FilePath, sql);

    private static List<string> Objects(string path) =>
        OldRows.List(path, "select type || ' ' || name from sqlite_schema where name not like 'sqlite%' order by 1");

    private static List<string> Columns(string path) => OldRows.List(path, """
        select t.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || coalesce(c.dflt_value, '') || ' ' || c.pk
            || ' ' || coalesce((
                select group_concat(f."table" || f.on_delete) from pragma_foreign_key_list(t.name) f where f."from" = c.name), '')
            || (select count(*) from pragma_index_list(t.name) i join pragma_index_info(i.name) x where x.name = c.name)
        from sqlite_schema t
        join pragma_table_xinfo(t.name) c
        where t.type = 'table' and t.name not like 'sqlite%'
        order by 1
        """);
}
