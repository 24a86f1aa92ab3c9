using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>
/// A client's request in the provider's own protocol. It is sent as it came but for the members that the server owns, and the frames of the
/// reply come as <see cref="ChatDelta.Frame"/> beside the deltas read from them. The turns, the sampling and the tools of the
/// <see cref="ChatRequest"/> around it are not sent.
/// </summary>
/// <param name="Body">The client's body; valid as long as its request.</param>
internal sealed record PassthroughRequest(JsonElement Body)
{
    /// <summary>Members of the body that are not sent.</summary>
    public required IReadOnlySet<string> Dropped { get; init; }

    /// <summary>Whether the client asks for a stream; the provider is asked for what the client asks for.</summary>
    public bool Stream { get; init; }

    /// <summary>Answers asked for; the reply is over when each has ended.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>The estimated length of the prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>The query of the client's request, with its question mark; empty for most.</summary>
    public string Query { get; init; } = "";

    /// <summary>Headers by which the client says which form of the protocol it speaks.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>
    /// As <see cref="ChatTurn.State"/>, by the place of a message in the body: what a server wants back that the client could not carry.
    /// </summary>
    public IReadOnlyDictionary<int, string> States { get; init; } = new Dictionary<int, string>();
}
