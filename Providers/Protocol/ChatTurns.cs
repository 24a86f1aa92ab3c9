namespace AiChat.Providers.Protocol;

/// <summary>Makes a conversation fit the rules that all protocols share.</summary>
internal static class ChatTurns
{
    /// <summary>
    /// Drops empty turns, tool calls without a result and results without a call: providers refuse the whole request for one of these, and
    /// an interrupted run leaves them behind.
    /// </summary>
    public static List<ChatTurn> Clean(IReadOnlyList<ChatTurn> turns)
    {
        var clean = new List<ChatTurn>(turns.Count);
        for (var at = 0; at < turns.Count; at++)
        {
            var turn = turns[at];
            if (turn.Role == ChatRole.Tool)
            {
                continue;
            }

            var answers = Answers(turns, at);
            var calls = turn.ToolCalls.Where(call => answers.Any(answer => answer.ToolCallId == call.Id)).ToList();
            if (calls.Count > 0 || turn.Images.Count > 0 || !string.IsNullOrWhiteSpace(turn.Text))
            {
                clean.Add(calls.Count == turn.ToolCalls.Count ? turn : turn with { ToolCalls = calls });
            }

            clean.AddRange(answers.Where(answer => calls.Exists(call => call.Id == answer.ToolCallId)));
        }

        return clean;
    }

    private static List<ChatTurn> Answers(IReadOnlyList<ChatTurn> turns, int at)
    {
        var answers = new List<ChatTurn>();
        for (var next = at + 1; turns[at].ToolCalls.Count > 0 && next < turns.Count && turns[next].Role == ChatRole.Tool; next++)
        {
            answers.Add(turns[next]);
        }

        return answers;
    }
}
