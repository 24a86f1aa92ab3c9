namespace AiChat.Tests.Torture;

/// <summary>
/// Power cuts: the native server is recorded under load, from an empty folder over a clean stop, a kill and a change of the
/// master key; then the disk is put together as a cut at a random moment would leave it, and the server's own start is tried on it.
/// </summary>
[Trait("Store", "File")]
public sealed class PowerCutTests
{
    [NativeFact]
    public async Task No_power_cut_loses_what_was_acknowledged()
    {
        var cuts = LongForm.Rounds(100, 2_000);
        using var machine = new Machine();
        await Record(machine, LongForm.IsOn);
        var disk = new PowerCut(DiskLog.Read(machine.Log, machine.Data));
        var random = new Random(LongForm.Seed);
        var seeds = Enumerable.Range(0, cuts).Select(_ => (At: random.Next(1, disk.Calls.Count + 1), Seed: random.Next())).ToList();
        var found = new List<string>();
        var counts = new Dictionary<string, long> { ["cuts"] = cuts, ["native starts"] = 0, ["promises looked for"] = 0 };
        foreach (var name in new[] { "acknowledged rows lost", "corrupt databases", "starts on an emptied database", "refused starts" })
        {
            counts[name] = 0;
        }

        await Parallel.ForEachAsync(seeds.Index(), new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (cut, _) =>
        {
            var folder = Machine.Scratch();
            try
            {
                disk.Leave(cut.Item.At, new Random(cut.Item.Seed), folder);
                var promises = Promise.Standing(disk.Acknowledged(cut.Item.At));
                var isNative = cut.Index % 50 == 49;
                var survival = isNative ? await Survival.StartNative(folder) : new Survival();
                survival = survival.IsWell ? await Survival.Look(folder, promises) : survival;
                lock (found)
                {
                    counts["native starts"] += isNative ? 1 : 0;
                    counts["promises looked for"] += promises.Count;
                    counts["acknowledged rows lost"] += survival.Lost.Count;
                    counts["corrupt databases"] += survival.Corrupt.Count > 0 ? 1 : 0;
                    counts["starts on an emptied database"] += survival.IsEmptied ? 1 : 0;
                    counts["refused starts"] += survival.Refused is null ? 0 : 1;
                    if (!survival.IsWell)
                    {
                        found.Add($"cut {cut.Item}: {survival}");
                    }
                }
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        LongForm.Report("power cuts", counts);
        Assert.True(found.Count == 0, string.Join('\n', found.Take(10)));
        Assert.True(counts["promises looked for"] > cuts);
        Assert.True(await IsSeen(disk), "The same cuts on a disk that flushes nothing must be seen to lose something.");
    }

    /// <summary>Shows that the test can fail: the same writes, of which none was flushed.</summary>
    private static async Task<bool> IsSeen(PowerCut disk)
    {
        var lying = new PowerCut([.. disk.Calls.Where(call => call.Call != 'S')]);
        for (var seed = 0; seed < 5; seed++)
        {
            var folder = Machine.Scratch();
            try
            {
                lying.Leave(lying.Calls.Count, new Random(seed), folder);
                if (!(await Survival.Look(folder, Promise.Standing(lying.Acknowledged(lying.Calls.Count)))).IsWell)
                {
                    return true;
                }
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return false;
    }

    private static async Task Record(Machine machine, bool isLong)
    {
        await using var upstream = Load.Provider();
        await using var server = await TestServer.StartAsync(machine.Options());
        var load = new Load(machine, server, upstream);
        var admin = await load.Settle();
        var (people, turns) = isLong ? (6, 12) : (2, 4);
        await load.Work(admin, people, turns);
        await server.RestartAsync(); // the log is folded into the database and deleted
        await load.Work(admin, people, turns);
        (await Executable.Operator(machine.Data).PostJson("/api/master-key/rotate", new { })).EnsureSuccessStatusCode();
        (await admin.PostJson("/api/auth/refresh", new { })).EnsureSuccessStatusCode();
        await load.Work(admin, people, turns);
        await server.KillAsync();
        await server.RestartAsync(); // the log is replayed
        await load.Work(admin, people, turns);
        await server.StopAsync();
    }
}
