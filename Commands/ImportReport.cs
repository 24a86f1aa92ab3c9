using System.Globalization;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

/// <summary>What was taken, what was here already, what was left out and why. A run that took nothing is no success.</summary>
internal sealed class ImportReport(string source, bool dryRun)
{
    /// <summary>Different things left out for one reason that are named; of more only the number is told.</summary>
    private const int MaxNamed = 20;

    private readonly Dictionary<string, Count> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Kind, string Why), LeftOut> _leftOut = [];
    private readonly List<string> _notes = [];

    /// <summary>Without these the rest is no move: an import that finds some and takes none has failed.</summary>
    public bool HasLostAllChats { get; set; }

    public void Taken(string kind, long count = 1) => Of(kind).Taken += count;

    public void Present(string kind, long count = 1) => Of(kind).Present += count;

    public void Left(string kind, string why, string? name = null, long count = 1)
    {
        if (count == 0)
        {
            return;
        }

        Of(kind).Left += count;
        if (!_leftOut.TryGetValue((kind, why), out var left))
        {
            _leftOut[(kind, why)] = left = new LeftOut();
        }

        left.Count += count;
        if (name is not null && left.Names.Count < MaxNamed)
        {
            left.Names.Add(name);
        }
    }

    public void Note(string note) => _notes.Add(note);

    /// <summary>Prints it.</summary>
    /// <returns>The exit code.</returns>
    public int Show(Call call)
    {
        var taken = _counts.Values.Sum(count => count.Taken);
        var present = _counts.Values.Sum(count => count.Present);
        var failed = HasLostAllChats || taken + present == 0;
        call.Show(Json(taken, failed), Lines(taken, failed));
        if (failed)
        {
            Terminal.Complain(taken == 0 ? "Nothing was taken." : "No chat was taken; see what was left out.");
        }

        return failed ? ExitCodes.Refused : ExitCodes.Done;
    }

    private Count Of(string kind) => _counts.TryGetValue(kind, out var count) ? count : _counts[kind] = new Count();

    private JsonObject Json(long taken, bool failed) => new()
    {
        ["source"] = source,
        ["kind"] = "node-platform",
        ["dryRun"] = dryRun,
        ["state"] = failed ? "failed" : taken == 0 ? "nothing_new" : "done",
        ["taken"] = Numbers(count => count.Taken),
        ["present"] = Numbers(count => count.Present),
        ["skipped"] = new JsonArray([.. _leftOut.Select(left => (JsonNode)new JsonObject
        {
            ["what"] = left.Key.Kind,
            ["why"] = left.Key.Why,
            ["count"] = left.Value.Count,
            ["names"] = new JsonArray([.. left.Value.Names.Select(name => (JsonNode)name)]),
        })]),
        ["notes"] = new JsonArray([.. _notes.Select(note => (JsonNode)note)]),
    };

    private JsonObject Numbers(Func<Count, long> number) =>
        new(_counts.Select(count => KeyValuePair.Create<string, JsonNode?>(count.Key, number(count.Value))));

    private IEnumerable<string> Lines(long taken, bool failed)
    {
        foreach (var line in Terminal.Table(
            [dryRun ? "WOULD TAKE" : "TAKEN", "", "HERE ALREADY", "LEFT OUT"],
            _counts.Select(count => new[]
            {
                Text(count.Value.Taken),
                count.Value.Taken == 1 && count.Key.EndsWith('s') ? count.Key[..^1] : count.Key,
                Text(count.Value.Present),
                Text(count.Value.Left),
            })))
        {
            yield return line;
        }

        foreach (var ((kind, why), left) in _leftOut)
        {
            var named = left.Names.Count == 0 ? "" : ": " + string.Join(", ", left.Names) + (left.Count > left.Names.Count ? ", …" : "");
            yield return $"Left out, {kind}: {Text(left.Count)}, because {why}{named}";
        }

        foreach (var note in _notes)
        {
            yield return note;
        }

        if (taken == 0 && !failed)
        {
            yield return _leftOut.Count == 0 ? "Nothing new: everything was here already." : "Nothing new.";
        }
        else if (dryRun)
        {
            yield return "Nothing was changed.";
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private sealed class Count
    {
        public long Taken { get; set; }

        public long Present { get; set; }

        public long Left { get; set; }
    }

    private sealed class LeftOut
    {
        public long Count { get; set; }

        public List<string> Names { get; } = [];
    }
}
