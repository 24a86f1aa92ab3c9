namespace AiChat.Tests.Api.Matrix;

/// <summary>What a stand-in provider answers; the request names it.</summary>
internal sealed record Scene
{
    public const string Oslo = """{"city":"Oslo"}""";
    public const string Rome = """{"city":"Rome"}""";
    public const string Broken = """{"city":"Os""";

    private static readonly Dictionary<string, Scene> All = new()
    {
        ["text"] = new() { Pieces = ["Hel", "lo"] },
        ["single"] = new() { Calls = [Oslo] },
        ["parallel"] = new() { Calls = [Oslo, Rome] },
        ["mixed"] = new() { Calls = [Oslo, Rome], Interleaves = true },
        ["think"] = new() { Thinking = "I look.", Pieces = ["Hello"] },
        ["stop"] = new() { Pieces = ["Hello"], StopWord = "END" },
        ["refuse"] = new() { Pieces = ["I will not."], Refuses = true },
        ["filter"] = new() { Pieces = ["Hel"], IsFiltered = true },
        ["break"] = new() { Pieces = ["Hel"], Breaks = true },
        ["broken"] = new() { Calls = [Broken] },
        ["form"] = new() { Pieces = [.. Oslo.Select(letter => letter.ToString())] },
        ["fenced"] = new() { Pieces = ["```js", "on\n", Oslo, "\n```"] },
        ["long"] = new() { Pieces = ["Hel"], IsCut = true },
    };

    public string? Thinking { get; private init; }

    public IReadOnlyList<string> Pieces { get; private init; } = [];

    /// <summary>The arguments of each call of get_weather.</summary>
    public IReadOnlyList<string> Calls { get; private init; } = [];

    /// <summary>The pieces of the calls come in turns.</summary>
    public bool Interleaves { get; private init; }

    public string? StopWord { get; private init; }

    public bool Refuses { get; private init; }

    public bool IsFiltered { get; private init; }

    public bool IsCut { get; private init; }

    public bool Breaks { get; private init; }

    /// <summary>The calls in the pieces in which they are sent: place, first piece of the call, arguments.</summary>
    public IEnumerable<(int Place, bool Begins, string Arguments)> CallPieces()
    {
        var halves = Calls.Select((arguments, place) => (place, arguments)).SelectMany(call => (IEnumerable<(int, bool, string)>)
        [
            (call.place, true, call.arguments[..3]), (call.place, false, call.arguments[3..]),
        ]);
        return Interleaves ? halves.OrderBy(piece => !piece.Item2) : halves;
    }

    public static string Id(int place) => $"call_{place}";

    /// <summary>The scene that the last message of a request names.</summary>
    public static Scene Of(string request)
    {
        var at = request.LastIndexOf("scene:", StringComparison.Ordinal);
        var name = request[(at + 6)..].TakeWhile(char.IsAsciiLetterLower);
        return All[string.Concat(name)];
    }
}
