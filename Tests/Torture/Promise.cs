using System.Text.Json;

namespace AiChat.Tests.Torture;

/// <summary>What a client was told is stored. <see cref="Load"/> writes it down then, <see cref="Survival"/> looks for it.</summary>
/// <param name="Kind">One of the constants.</param>
/// <param name="Id">The row; of a question the answer below it.</param>
/// <param name="Session">The chat it goes with; 0 when it belongs to none.</param>
internal sealed record Promise(string Kind, long Id, string Text, string More = "", long Session = 0)
{
    public const string User = "user", Chat = "session", Question = "question", Answer = "answer", Image = "image", Note = "prompt";
    public const string Secret = "secret";

    /// <summary>Deletion of a chat has been asked for: it may be gone from here on, and after Gone it must be.</summary>
    public const string Leaving = "leaving", Gone = "gone";

    public static Promise Parse(string text) => JsonSerializer.Deserialize<Promise>(text)!;

    /// <summary>What still holds after all of these.</summary>
    public static IReadOnlyList<Promise> Standing(IEnumerable<string> acknowledged)
    {
        var promises = acknowledged.Select(Parse).ToList();
        var left = promises.Where(promise => promise.Kind == Leaving).Select(promise => promise.Session).ToHashSet();
        return [.. promises.Where(promise =>
            promise.Kind == Gone || (promise.Kind != Leaving && (promise.Session == 0 || !left.Contains(promise.Session))))];
    }

    public string Write() => JsonSerializer.Serialize(this);
}
