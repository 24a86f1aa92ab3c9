using System.Diagnostics;
using AiChat.Data.Sqlite;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>What happens to a process from outside: it is frozen, met by a second one, or started on a damaged file.</summary>
public sealed class ProcessTests
{
    [NativeFact]
    public async Task A_process_that_was_frozen_goes_on_where_it_was()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(release.Task);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        await stream.ReadUntilAsync(next => next.Event == "delta");
        await Signal(server.ProcessId, "STOP");
        await Eventually.Holds(() => File.ReadAllText($"/proc/{server.ProcessId}/stat").Contains(") T "));
        release.SetResult(); // the provider goes on and hangs up meanwhile
        await upstream.Chats()[0].ClientGone.WaitAsync(TimeSpan.FromMilliseconds(300)).ContinueWith(_ => { }, TaskScheduler.Default);
        await Signal(server.ProcessId, "CONT");
        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Event);
        Assert.Equal("before after", (await admin.Messages(session))[^1].Text("content"));
    }

    /// <summary>The lock is on the folder, by whatever path it is reached; so it is between two containers on one volume.</summary>
    [NativeFact]
    public async Task A_second_process_by_another_path_is_refused_and_named()
    {
        await using var server = await TestServer.StartAsync();
        var link = server.DataDir + ".link";
        File.CreateSymbolicLink(link, server.DataDir);
        try
        {
            var refused = await Assert.ThrowsAsync<ServerStartException>(
                () => TestServer.StartAsync(new TestServerOptions { DataDir = link }));
            Assert.Equal(75, refused.ExitCode);
            Assert.Contains($"PID {server.ProcessId}", refused.Message);
        }
        finally
        {
            File.Delete(link);
        }

        await server.RegisterAdminAsync();
    }

    /// <summary>
    /// Bytes that a disk has changed: the start is refused in one sentence, or the check names the damage, or what changed was text or free
    /// space, which no check of SQLite sees. Nothing else may come of it, and never an empty database.
    /// </summary>
    [NativeFact]
    [Trait("Store", "File")]
    public async Task A_file_with_changed_bytes_is_refused_or_named_or_reads_as_before()
    {
        using var machine = new Machine();
        await using var upstream = Load.Provider();
        await using (var server = await TestServer.StartAsync(machine.Options()))
        {
            var load = new Load(machine, server, upstream);
            await load.Work(await load.Settle(), 2, 2);
            await server.StopAsync();
        }

        var whole = await File.ReadAllBytesAsync(Path.Combine(machine.Data, "app.db"));
        var promises = Promise.Standing(
            DiskLog.Read(machine.Log, machine.Data).Where(call => call.Call == 'A').Select(call => call.Text));
        var random = new Random(LongForm.Seed);
        var (refused, named, unseen) = (0, 0, 0);
        for (var round = 0; round < LongForm.Rounds(6, 400); round++)
        {
            var bytes = (byte[])whole.Clone();
            var (at, length) = (random.Next(bytes.Length - 4_096), round % 3 == 0 ? 4_096 : random.Next(1, 400));
            random.NextBytes(bytes.AsSpan(at, length));
            var path = Path.Combine(machine.Data, "app.db");
            File.Delete(path + "-wal");
            await File.WriteAllBytesAsync(path, bytes);
            var found = await Survival.Look(machine.Data, []);
            if (found.Refused is { } why)
            {
                Assert.True(found.ExitCode == 78, $"{found.ExitCode}: {why}");
                Assert.DoesNotContain('\n', why);
                refused++;
                continue;
            }

            _ = WholeCheck.Run(path, default) is null ? unseen++ : named++;
            found = await Survival.Look(machine.Data, [.. promises.Where(promise => promise.Kind == Promise.User).Take(1)]);
            Assert.False(found.IsEmptied);
        }

        LongForm.Report("changed bytes", [
            new("files", refused + named + unseen), new("refused at start", refused), new("named by the check", named),
            new("not visible to SQLite", unseen), new("starts on an emptied database", 0)]);
        Assert.True(refused + named > 0);
    }

    private static async Task Signal(int process, string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process}"]);
        await kill.WaitForExitAsync();
    }
}
