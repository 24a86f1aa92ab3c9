using System.Text.Json.Serialization;

namespace AiChat.Endpoints.Imports;

/// <summary>What was not taken, and why. The page translates by the code.</summary>
internal sealed record Skipped(string What, string Code, string Why);

/// <summary>What came of an import so far. Sent to the person, kept with the import, and printed by the command line.</summary>
internal sealed record ImportReport
{
    /// <summary>The number of items that are listed; of more only the number is kept.</summary>
    private const int MaxListed = 500;

    /// <summary>Chats that are new here.</summary>
    public int Taken { get; set; }

    /// <summary>Chats that were here and got new messages.</summary>
    public int Updated { get; set; }

    /// <summary>Chats that were here already, as they are.</summary>
    public int Unchanged { get; set; }

    public int Messages { get; set; }

    public int Images { get; set; }

    /// <summary>The kinds of program that the chats come from.</summary>
    public SortedSet<string> Sources { get; init; } = [];

    /// <summary>A new chat; null when there is none.</summary>
    public long? FirstSessionId { get; set; }

    public List<Skipped> Skipped { get; init; } = [];

    /// <summary>How many items were not taken, with those that are not listed.</summary>
    public int SkippedCount { get; set; }

    [JsonIgnore]
    public bool TookNothing => Taken + Updated + Unchanged == 0;

    public void Skip(string what, string code, string why)
    {
        SkippedCount++;
        if (Skipped.Count < MaxListed)
        {
            Skipped.Add(new Skipped(what.Length > 200 ? string.Concat(what.AsSpan(0, 199), "…") : what, code, why));
        }
    }

    /// <summary>A copy, which does not change while this goes on.</summary>
    public ImportReport Copy() => this with { Sources = [.. Sources], Skipped = [.. Skipped] };
}
