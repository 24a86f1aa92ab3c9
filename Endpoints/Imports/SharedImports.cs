using System.Globalization;
using System.Text.Json;
using AiChat.Data.Imports;
using AiChat.Data.Nodes;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// What servers on one database settle about imports: each is carried out where its file is, one of a person at a time among all, and every
/// server shows and ends it. Where this process is alone there is nothing to settle. Safe for any thread.
/// </summary>
internal sealed class SharedImports(ImportRows rows, NodeStore nodes, TimeProvider clock)
{
    /// <summary>The kind of change that tells of an import that was ended.</summary>
    public const string Told = "import";

    /// <summary>How often what an import has come to is shown to other servers.</summary>
    public static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>Above what a server may be without the database before its import fails.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    /// <summary>How long a server with the file of an import may be away: it goes on when it is back.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private Dictionary<long, long> _awaySince = [];

    public bool IsAlone => nodes.IsAlone;

    /// <summary>Names the data folder of this process; null where it is alone.</summary>
    public string? Place => nodes.Place;

    /// <summary>Takes the turn of a person; false while another server imports for them.</summary>
    public Task<bool> TryEnter(long userId) => nodes.TryTake(TaskOf(userId), Lease);

    public Task Leave(long userId) => nodes.GiveBack(TaskOf(userId));

    /// <summary>Shows what an import of this process has come to; false when it was ended elsewhere, or its owner is gone.</summary>
    public async Task<bool> Show(LiveImport live)
    {
        await nodes.TryTake(TaskOf(live.Row.UserId), Lease);
        return await rows.Show(live.Row.Id, Written(new StoredReport { Progress = live.Progress, Report = live.Report }));
    }

    /// <summary>Ends an import that another server has; false when none runs.</summary>
    public async Task<bool> Stop(long userId, long id, ImportError error)
    {
        if (nodes.IsAlone || !await rows.Stop(userId, id, Ended, clock.GetUtcNow()))
        {
            return false;
        }

        await nodes.Tell(Told, id.ToString(CultureInfo.InvariantCulture));
        return true;

        string Ended(string last) => Written(new StoredReport { Report = ImportResponse.Stored(last).Report, Error = error });
    }

    /// <summary>Those whose server has been away for so long that it is not waited for. Call from one thread at a time.</summary>
    public async Task<List<ImportRow>> Abandoned()
    {
        var running = await rows.Running();
        var places = running.Count == 0 ? [] : (await nodes.Others()).Select(node => node.Place).Append(nodes.Place).ToHashSet();
        var away = running.FindAll(row => !places.Contains(PlaceOf(row)));
        var now = clock.GetTimestamp();
        _awaySince = away.ToDictionary(row => row.Id, row => _awaySince.GetValueOrDefault(row.Id, now));
        return away.FindAll(row => clock.GetElapsedTime(_awaySince[row.Id], now) > Patience);
    }

    private static string? PlaceOf(ImportRow row) =>
        JsonSerializer.Deserialize(row.Options, ImportsJson.Wire.StoredOptions)?.Place;

    private static string Written(StoredReport report) => JsonSerializer.Serialize(report, ImportsJson.Wire.StoredReport);

    private static string TaskOf(long userId) => string.Create(CultureInfo.InvariantCulture, $"import {userId}");
}
