using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Calls of tools and their results, as every protocol wants them: each call is followed by its result.</summary>
internal static class ToolPairs
{
    /// <summary>Moves results behind the turn that called; some protocols allow other turns in between.</summary>
    /// <param name="turns">The conversation.</param>
    /// <param name="foreign">
    /// When it has names, the request is refused by them: what they name may be the call that a result would miss.
    /// </param>
    /// <exception cref="CompatRefusal">A result has no call before it, or a call has no result.</exception>
    public static IReadOnlyList<ChatTurn> Arrange(IReadOnlyList<ChatTurn> turns, ForeignMembers foreign)
    {
        if (foreign.Names.Count > 0)
        {
            return turns;
        }

        List<ChatTurn> arranged = [];
        List<(int Caller, string Id)> open = [];
        foreach (var turn in turns)
        {
            if (turn.Role != ChatRole.Tool)
            {
                arranged.Add(turn);
                open.AddRange(turn.ToolCalls.Select(call => (arranged.Count - 1, call.Id)));
                continue;
            }

            // Ids may be used again in later rounds, so a result belongs to the last call that waits for one.
            var at = open.FindLastIndex(call => call.Id == turn.ToolCallId);
            if (at < 0)
            {
                throw CompatRefusal.Bad($"A tool result answers {turn.ToolCallId}, but no tool call before it has this id.");
            }

            var place = open[at].Caller + 1;
            while (place < arranged.Count && arranged[place].Role == ChatRole.Tool)
            {
                place++;
            }

            open.RemoveAt(at);
            open = open.ConvertAll(call => call.Caller >= place ? (call.Caller + 1, call.Id) : call);
            arranged.Insert(place, turn);
        }

        return open.Count == 0
            ? arranged
            : throw CompatRefusal.Bad($"These tool calls have no result: {string.Join(", ", open.Select(call => call.Id))}.");
    }
}
