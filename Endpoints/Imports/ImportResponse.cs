using System.Text.Json;
using System.Text.Json.Serialization;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>An import as its owner sees it.</summary>
/// <param name="State">running, done or failed.</param>
/// <param name="Progress">The share of the archive that was read, 0 to 1.</param>
/// <param name="Error">Why it failed.</param>
internal sealed record ImportResponse(
    long Id, string Name, long Bytes, string State, double Progress, ImportReport Report, ImportError? Error, DateTimeOffset CreatedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? EndedAt)
{
    /// <summary>What is kept of an import.</summary>
    public static StoredReport Stored(string report) =>
        JsonSerializer.Deserialize(report, ImportsJson.Wire.StoredReport) ?? new StoredReport();

    /// <param name="live">What a running one of this process has come to.</param>
    public static ImportResponse From(ImportRow row, LiveImport? live)
    {
        var stored = Stored(row.Report);
        return new ImportResponse(
            row.Id, row.Name, row.Bytes, row.State, row.State == "running" ? live?.Progress ?? stored.Progress ?? 0 : 1,
            (row.State == "running" ? live?.Report : null) ?? stored.Report ?? new ImportReport(), stored.Error,
            DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
            row.EndedAt is { } ended ? DateTimeOffset.FromUnixTimeMilliseconds(ended) : null);
    }
}

internal sealed record ImportList(IReadOnlyList<ImportResponse> Items);

internal sealed record ImportError(string Code, string Detail);

/// <summary>What is kept of an import that has ended, or of one that goes on where other servers show it.</summary>
internal sealed record StoredReport
{
    /// <summary>Of one that goes on.</summary>
    public double? Progress { get; init; }

    public ImportReport? Report { get; init; }

    public ImportError? Error { get; init; }
}

/// <summary>What a person asked for with an import.</summary>
/// <param name="RestoreDeleted">Chats that were imported before and deleted here come back.</param>
/// <param name="Everyone">Chats of several people are taken.</param>
/// <param name="Place">Names the data folder with the file, where several servers are on one database.</param>
internal sealed record StoredOptions(bool RestoreDeleted = false, bool Everyone = false, string? Place = null);
