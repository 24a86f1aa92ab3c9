using System.Text;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// A request of the compatible API. From <see cref="Dialect.Read(JsonElement, HttpRequest)"/> it holds what matters whoever answers; from
/// <see cref="Dialect.Translated"/> it is translated from its dialect.
/// </summary>
internal sealed record CompatRequest
{
    public required string Model { get; init; }

    public string? System { get; init; }

    public IReadOnlyList<ChatTurn> Turns { get; init; } = [];

    public ChatSampling Sampling { get; init; } = ChatSampling.Unset;

    /// <summary>Whether the model is to reason; null when the request does not say.</summary>
    public bool? Reasons { get; init; }

    public ReasoningEffort? Effort { get; init; }

    /// <summary>Tokens that the model may think; null when the request does not say.</summary>
    public int? Budget { get; init; }

    public IReadOnlyList<ChatTool> Tools { get; init; } = [];

    public string? ToolChoice { get; init; }

    /// <summary>The form of the answer; null for free text.</summary>
    public ChatFormat? Format { get; init; }

    public bool? ParallelTools { get; init; }

    public string? Verbosity { get; init; }

    public string? UserId { get; init; }

    public ChatWebSearch? WebSearch { get; init; }

    /// <summary>The request has metadata, which both APIs of OpenAI have.</summary>
    public bool Metadata { get; init; }

    /// <summary>A tier of service other than the default one; null when there is none.</summary>
    public string? ServiceTier { get; init; }

    /// <summary>Members of the body that go on as they are to a provider that has them too.</summary>
    public IReadOnlyList<string> SharedMembers { get; init; } = [];

    /// <summary>What tools of the client are called elsewhere, by the name that the provider knows; empty for most.</summary>
    public IReadOnlyDictionary<string, ToolOrigin> Origins { get; init; } = new Dictionary<string, ToolOrigin>();

    /// <summary>The client's word for stop words.</summary>
    public string StopName { get; init; } = "stop";

    /// <summary>The client's word for <see cref="Verbosity"/>.</summary>
    public string VerbosityName { get; init; } = "verbosity";

    /// <summary>The client's word for a search of the web.</summary>
    public string SearchName { get; init; } = "web_search";

    /// <summary>The client's word for how often the web may be searched.</summary>
    public string MaxUsesName { get; init; } = "max_uses of web_search";

    /// <summary>What only the client's own protocol has, in its words.</summary>
    public IReadOnlyList<string> Foreign { get; init; } = [];

    public bool Stream { get; init; }

    /// <summary>Whether a stream ends with a usage frame.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>The number of answers asked for.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>The estimated length of the prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>The member with an address that a provider would fetch; null when there is none.</summary>
    public string? Address { get; init; }

    /// <summary>What of the query goes on with the body, with its question mark.</summary>
    public string Query { get; init; } = "";

    /// <summary>Headers that go on with the body.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The whole body; a provider of the client's protocol gets it as it came.</summary>
    public required JsonElement Body { get; init; }
}

/// <summary>A tool as its client knows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Namespace">The namespace around it, if it is in one.</param>
/// <param name="IsCustom">It takes free text and not JSON.</param>
internal sealed record ToolOrigin(string Name, string? Namespace, bool IsCustom);

/// <summary>The answer so far.</summary>
internal sealed class CompatAnswer
{
    public StringBuilder Text { get; } = new();

    public StringBuilder Reasoning { get; } = new();

    /// <summary>What the model said instead of an answer, where the protocol tells that apart.</summary>
    public StringBuilder Refusal { get; } = new();

    public List<CompatToolCall> Calls { get; } = [];

    /// <summary>Pictures that the model made.</summary>
    public List<ChatDelta.Image> Images { get; } = [];

    /// <summary>The pages that the answer rests on.</summary>
    public IReadOnlyList<ChatSource> Sources { get; private set; } = [];

    public FinishReason Finish { get; private set; } = FinishReason.Stop;

    /// <summary>The provider's word for why the model ended; null when it gave none.</summary>
    public string? FinishWord { get; private set; }

    /// <summary>The stop word that ended the answer, where the provider says which.</summary>
    public string? StopWord { get; private set; }

    /// <summary>Tokens of the prompt that the provider wrote to its cache.</summary>
    public int CacheWriteTokens { get; private set; }

    /// <summary>The state that the provider wants back with these calls.</summary>
    public string? State { get; private set; }

    /// <summary>The ledger entry of the call; set when the answer has ended.</summary>
    public LedgerEntry? Used { get; set; }

    /// <summary>Adds a delta.</summary>
    /// <returns>The tool call that the delta is a part of, if it is one.</returns>
    public CompatToolCall? Take(ChatDelta delta)
    {
        switch (delta)
        {
            case ChatDelta.Text text:
                (text.IsRefusal ? Refusal : Text).Append(text.Value);
                break;
            case ChatDelta.Image image:
                Images.Add(image);
                break;
            case ChatDelta.Sources sources:
                Sources = sources.Pages;
                break;
            case ChatDelta.Reasoning reasoning:
                Reasoning.Append(reasoning.Value);
                break;
            case ChatDelta.TextWasReasoning:
                Reasoning.Append(Text);
                Text.Clear();
                break;
            case ChatDelta.Usage usage:
                CacheWriteTokens = usage.CacheWriteTokens ?? 0;
                break;
            case ChatDelta.State state:
                State = state.Value;
                break;
            case ChatDelta.End end:
                (Finish, FinishWord, StopWord) = (end.Reason, end.Raw, end.StopWord);
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

/// <summary>A tool call of an answer.</summary>
/// <param name="Index">The provider's index of the call.</param>
/// <param name="Place">Zero-based position among the answer's tool calls.</param>
/// <param name="Id">The id by which the client answers the call.</param>
/// <param name="Name">The tool.</param>
internal sealed record CompatToolCall(int Index, int Place, string Id, string Name)
{
    public StringBuilder Arguments { get; } = new();

    /// <summary>The arguments as JSON; never empty, because clients parse it.</summary>
    public string ArgumentsJson => Arguments.Length == 0 ? "{}" : Arguments.ToString();

    /// <summary>The arguments are neither a JSON object nor nothing.</summary>
    public bool IsBroken => Arguments.ToString() is var text && !ToolArguments.IsObject(text) && !ToolArguments.IsNothing(text);
}
