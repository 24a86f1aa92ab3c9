using System.Net;
using AiChat.Data.Sqlite;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Torture;

/// <summary>What people reported of other servers on SQLite, tried here: how their data was lost or became unreadable.</summary>
[Trait("Store", "File")]
public sealed class ReportedLossTests
{
    /// <summary>Copying app.db and its log while the server runs, as a snapshot does (Vaultwarden, screenpipe).</summary>
    [NativeTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_copy_of_the_running_folder_has_everything(bool withSharedMemory)
    {
        await using var server = await TestServer.StartAsync();
        var copy = Machine.Scratch();
        try
        {
            var admin = await server.RegisterAdminAsync();
            await (await admin.PostJson("/api/sessions", new { title = "copied" })).Expect(HttpStatusCode.Created);
            Copy(server.DataDir, copy, file => withSharedMemory || !file.EndsWith("-shm", StringComparison.Ordinal));
            var survival = await Survival.Look(copy, [new(Promise.User, 0, "admin"), new(Promise.Chat, 1, "copied")]);
            Assert.True(survival.IsWell, survival.ToString());
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    /// <summary>
    /// Copying the file without its log, or deleting the log by hand because a forum said so (screenpipe, bindery, Trilium): where that
    /// takes every account, it is refused instead of offering the first registration to whoever comes.
    /// </summary>
    [NativeFact]
    public async Task A_log_that_was_deleted_with_every_account_is_told_and_not_begun_anew()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        await server.KillAsync();
        var log = Path.Combine(server.DataDir, "app.db-wal");
        Assert.True(new FileInfo(log).Length > 0);
        File.Move(log, log + ".kept");
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => server.RestartAsync());
        Assert.Equal(78, refused.ExitCode);
        Assert.Contains("(-wal) was removed", refused.Message);

        File.Move(log + ".kept", log);
        await server.RestartAsync();
        await (await server.Client().PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
    }

    /// <summary>A switch that was meant for something else and emptied the database (Open WebUI).</summary>
    [NativeFact]
    public async Task The_switch_to_begin_anew_leaves_a_database_alone_that_is_there()
    {
        using var machine = new Machine();
        await using (var server = await TestServer.StartAsync(machine.Options()))
        {
            var admin = await server.RegisterAdminAsync();
            await (await admin.PostJson("/api/sessions", new { title = "kept" })).Expect(HttpStatusCode.Created);
            await server.StopAsync();
        }

        using var again = Executable.Start(null, machine.Data, [("PORT", "0"), ("HOST", "127.0.0.1")], "serve", "--init");
        while (await again.StandardOutput.ReadLineAsync() is { } line && !line.StartsWith("Listening on ", StringComparison.Ordinal))
        {
        }

        again.Kill();
        await again.WaitForExitAsync();
        var survival = await Survival.Look(machine.Data, [new(Promise.User, 0, "admin"), new(Promise.Chat, 1, "kept")]);
        Assert.True(survival.IsWell, survival.ToString());
    }

    /// <summary>A reboot on a full disk, after which the history was blank (qTox, Jellyfin).</summary>
    [NativeFact]
    public async Task A_start_on_a_full_disk_is_refused_and_changes_nothing()
    {
        using var machine = new Machine();
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        await (await admin.PostJson("/api/sessions", new { title = "kept" })).Expect(HttpStatusCode.Created);
        await server.KillAsync(); // its log has to be replayed
        machine.Break(Fault.FullDisk());
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => server.RestartAsync());
        Assert.Equal(78, refused.ExitCode);
        machine.Break();
        await server.RestartAsync();
        Assert.Equal("kept", (await admin.GetJson("/api/sessions")).GetProperty("items")[0].Text("title"));
    }

    /// <summary>An index that lacked rows was not noticed for longer than the backups were kept (gotify).</summary>
    [Fact]
    public void An_index_that_lacks_a_row_is_found_by_the_check()
    {
        var folder = Machine.Scratch();
        try
        {
            var path = Path.Combine(folder, "app.db");
            Migrator.Run(path);
            using (var connection = new SqliteConnection($"Data Source={path};Pooling=False"))
            {
                connection.Open();
                Execute(connection, "pragma writable_schema = on");
                Execute(connection, """
                    create table kept as select * from sqlite_schema where type = 'index' and tbl_name = 'prompts' and sql is not null
                    """);
                Execute(connection, "delete from sqlite_schema where name in (select name from kept)");
                Execute(connection, "pragma schema_version = 100000");
            }

            using (var connection = new SqliteConnection($"Data Source={path};Pooling=False"))
            {
                connection.Open();
                Execute(connection, "pragma foreign_keys = off");
                Execute(connection, """
                    insert into prompts (user_id, name, title, content, shared, created_at, updated_at)
                    values (1, 'unseen', 'Unseen', 'text', 1, 1, 1)
                    """);
                Execute(connection, "pragma writable_schema = on");
                Execute(connection, "insert into sqlite_schema select * from kept");
                Execute(connection, "delete from sqlite_schema where name = 'kept'");
            }

            Assert.Contains("index", WholeCheck.Run(path, default));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Copy(string from, string to, Func<string, bool> fits)
    {
        var files = Directory.EnumerateFiles(from).Where(file => Path.GetFileName(file) is not ("control.sock" or "lock"));
        foreach (var file in files.Where(fits))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    private static int Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }
}
