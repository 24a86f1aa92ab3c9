using System.Text;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>What a client of another vendor's API asks, in our own terms.</summary>
internal sealed record CompatRequest
{
    public required string Model { get; init; }

    public string? System { get; init; }

    public required IReadOnlyList<ChatTurn> Turns { get; init; }

    public ChatSampling Sampling { get; init; } = ChatSampling.Unset;

    public bool? Reasons { get; init; }

    public ReasoningEffort? Effort { get; init; }

    public IReadOnlyList<ChatTool> Tools { get; init; } = [];

    public string? ToolChoice { get; init; }

    /// <summary>The schema that the answer must fit as JSON text, "" for any JSON object, null for free text.</summary>
    public string? Schema { get; init; }

    public bool Stream { get; init; }

    /// <summary>A stream ends with the tokens used.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>Answers asked for.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>What is only had from a provider that speaks the client's own protocol, by the names of the members; empty for most requests.</summary>
    public IReadOnlyList<string> OnlyPassthrough { get; init; } = [];

    /// <summary>The request as it came; providers that speak the client's own protocol get what we did not read of it.</summary>
    public required JsonElement Body { get; init; }
}

/// <summary>An answer as far as it has come.</summary>
internal sealed class CompatAnswer
{
    public StringBuilder Text { get; } = new();

    public StringBuilder Reasoning { get; } = new();

    public List<CompatToolCall> Calls { get; } = [];

    public FinishReason Finish { get; private set; } = FinishReason.Stop;

    /// <summary>What the provider wants back with these calls.</summary>
    public string? State { get; private set; }

    /// <summary>What it cost; there once it is complete.</summary>
    public LedgerEntry? Used { get; set; }

    /// <returns>The call that a piece of one belongs to.</returns>
    public CompatToolCall? Take(ChatDelta delta)
    {
        switch (delta)
        {
            case ChatDelta.Text text:
                Text.Append(text.Value);
                break;
            case ChatDelta.Reasoning reasoning:
                Reasoning.Append(reasoning.Value);
                break;
            case ChatDelta.State state:
                State = state.Value;
                break;
            case ChatDelta.End end:
                Finish = end.Reason;
                break;
            case ChatDelta.ToolCall piece:
                return Add(piece);
        }

        return null;
    }

    private CompatToolCall Add(ChatDelta.ToolCall piece)
    {
        if (Calls.Find(known => known.Index == piece.Index) is not { } call)
        {
            call = new CompatToolCall(piece.Index, Calls.Count, piece.Id ?? $"call_{Calls.Count}", piece.Name ?? "");
            Calls.Add(call);
        }

        call.Arguments.Append(piece.ArgumentsFragment);
        return call;
    }
}

/// <param name="Index">The provider's number.</param>
/// <param name="Place">The how-manieth call of the answer it is.</param>
internal sealed record CompatToolCall(int Index, int Place, string Id, string Name)
{
    public StringBuilder Arguments { get; } = new();

    /// <summary>Never empty: clients parse it.</summary>
    public string ArgumentsJson => Arguments.Length == 0 ? "{}" : Arguments.ToString();
}
