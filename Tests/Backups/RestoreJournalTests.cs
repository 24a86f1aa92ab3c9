using System.Globalization;
using AiChat.Data;
using AiChat.Data.Backups;

namespace AiChat.Tests.Backups;

/// <summary>A restore that was decided is completed from wherever it was interrupted; one that was not leaves nothing.</summary>
public sealed class RestoreJournalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    /// <summary>Whole folders, single files, files that only go, and files that only come.</summary>
    private static readonly RestoreJournal Journal = new(
        "before", [
            new Exchange("images", "restore-new/images", "before/images"),
            new Exchange("other/ab", "other/restore-new/images/ab", "other/before/ab"),
            new Exchange("other/cd", null, "other/before/cd"),
            new Exchange("app.db-wal", null, "before/app.db-wal"),
            new Exchange("app.db", "restore-new/app.db", "before/app.db"),
            new Exchange("traces.db", null, "before/traces.db"),
            new Exchange("master.key", "restore-new/master.key", "before/master.key"),
        ],
        ["restore-new", "other/restore-new"]);

    [Fact]
    public void It_is_completed_from_every_step()
    {
        // Each rename is a moment at which the machine can stop: 7 away, 4 in place.
        for (var steps = 0; steps <= 11; steps++)
        {
            var folder = Prepare(steps.ToString(CultureInfo.InvariantCulture));
            Journal.Decide(folder);
            var left = steps;
            foreach (var (from, to) in Journal.Exchanges.SelectMany(Renames))
            {
                if (left-- > 0 && Path.Exists(Path.Combine(folder, from)))
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, to))!);
                    Directory.Move(Path.Combine(folder, from), Path.Combine(folder, to));
                }
            }

            Assert.Equal(Path.Combine(folder, "before"), RestoreJournal.Settle(folder, Path.Combine(folder, "other")));
            Assert.Equal(
                [
                    "app.db=new", "before/app.db-wal=old", "before/app.db=old", "before/images/1=old", "before/traces.db=old",
                    "images/1=new", "master.key=new", "other/ab/1=new", "other/before/ab/1=old", "other/before/cd/1=old",
                ],
                Content(folder));
            Assert.Null(RestoreJournal.Settle(folder, Path.Combine(folder, "other")));
        }
    }

    [Fact]
    public void What_was_not_decided_is_removed()
    {
        var folder = Prepare("undecided");
        Assert.Null(RestoreJournal.Settle(folder, Path.Combine(folder, "other")));
        Assert.Equal(
            ["app.db-wal=old", "app.db=old", "images/1=old", "other/ab/1=old", "other/cd/1=old", "traces.db=old"], Content(folder));
    }

    [Fact]
    public void A_part_that_is_out_of_reach_stops_the_start_and_changes_nothing_more()
    {
        var folder = Prepare("unmounted");
        Journal.Decide(folder);
        Directory.Move(Path.Combine(folder, "other"), Path.Combine(folder, "elsewhere"));
        var refused = Assert.Throws<StartupException>(() => RestoreJournal.Settle(folder, Path.Combine(folder, "other")));
        Assert.Contains("interrupted", refused.Message);
        Assert.True(File.Exists(Path.Combine(folder, RestoreJournal.FileName)));
        Directory.Move(Path.Combine(folder, "elsewhere"), Path.Combine(folder, "other"));
        Assert.NotNull(RestoreJournal.Settle(folder, Path.Combine(folder, "other")));
        Assert.Contains("app.db=new", Content(folder));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IEnumerable<(string From, string To)> Renames(Exchange one) =>
        one.Fresh is { } fresh ? [(one.Live, one.Kept), (fresh, one.Live)] : [(one.Live, one.Kept)];

    private static List<string> Content(string folder) =>
    [
        .. from path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
           let line = $"{Path.GetRelativePath(folder, path)}={File.ReadAllText(path)}"
           orderby line
           select line,
    ];

    private string Prepare(string name)
    {
        var folder = Path.Combine(_folder, name);
        foreach (var (path, state) in new[]
        {
            ("images/1", "old"), ("other/ab/1", "old"), ("other/cd/1", "old"), ("app.db-wal", "old"), ("app.db", "old"),
            ("traces.db", "old"),
            ("restore-new/images/1", "new"), ("other/restore-new/images/ab/1", "new"), ("restore-new/app.db", "new"),
            ("restore-new/master.key", "new"),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            File.WriteAllText(Path.Combine(folder, path), state);
        }

        return folder;
    }
}
