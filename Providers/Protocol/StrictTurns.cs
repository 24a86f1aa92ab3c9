namespace AiChat.Providers.Protocol;

/// <summary>
/// The order of roles that the strictest servers want (Perplexity, Mistral, DeepSeek's reasoner, Gemini, Claude since 4.6, and the
/// templates of Gemma and Mistral under vLLM and llama.cpp): a user begins, sides alternate, results of tools are answered before a user
/// speaks again, and the last word is not the assistant's.
/// </summary>
internal static class StrictTurns
{
    /// <summary>Asks for the rest of an answer, where the protocol has no way to say that the last turn is unfinished.</summary>
    public const string Continue = "Continue exactly where your last message stopped. Do not repeat anything and do not comment on it.";

    /// <summary>Stands before a history that begins with the assistant.</summary>
    public const string Opening = "(The assistant begins.)";

    /// <summary>Stands between the result of a tool and what the user said before the model did.</summary>
    private const string Bridge = "I have the results.";

    /// <summary>Stands where a tool said nothing, and where the model only called tools.</summary>
    private const string Nothing = "(nothing)";

    /// <summary>
    /// What servers say about an order that they do not take, or about a turn without a word, in parts that do not depend on the model.
    /// </summary>
    private static readonly string[] Refusals =
    [
        "must alternate", "should be alternating", "should alternate", "requests alternate between", "after role 'tool'",
        "after role \"tool\"", "expected last role", "last message must", "last message should", "last message of", "last role must",
        "end with a user", "end with user", "start with a user", "start with user", "begin with a user", "first message must",
        "message prefill", "partial mode", "前缀续写", "response prefill", "successive user or assistant", "consecutive user",
        "interleave the user", "messages 参数非法", "messages参数非法", "messages parameter is illegal", "last message role",
        "content element", "must have a message", "last entry in chat history", "contain valid chat turns",
        "must not be from the assistant", "which would pre-fill",
    ];

    /// <summary>Whether a server refuses the order of these turns, and there is another.</summary>
    public static bool IsRefusedBy(string detail, IReadOnlyList<ChatTurn> turns)
    {
        if (!Refusals.Any(words => detail.Contains(words, StringComparison.OrdinalIgnoreCase)))
        {
            return false;
        }

        var clean = ChatTurns.Clean(turns, modelImages: true);
        return !Of(clean).SequenceEqual(clean);
    }

    public static List<ChatTurn> Of(IReadOnlyList<ChatTurn> turns)
    {
        var strict = new List<ChatTurn>();
        foreach (var turn in ChatTurns.Clean(turns, modelImages: true))
        {
            if (strict.Count == 0 && turn.Role == ChatRole.Assistant)
            {
                strict.Add(new ChatTurn(ChatRole.User, Opening));
            }
            else if (turn.Role == ChatRole.User && strict is [.., { Role: ChatRole.Tool }])
            {
                strict.Add(new ChatTurn(ChatRole.Assistant, Bridge));
            }

            strict.Add(turn.HasContent ? turn : turn with { Text = Nothing });
        }

        if (strict is [.., { Role: ChatRole.Assistant }])
        {
            strict.Add(new ChatTurn(ChatRole.User, Continue));
        }

        return strict;
    }
}
