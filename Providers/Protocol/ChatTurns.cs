namespace AiChat.Providers.Protocol;

/// <summary>Makes a conversation fit the rules that all protocols share.</summary>
internal static class ChatTurns
{
    /// <summary>Stands for an answer that was only a picture, where the picture is in the turn after it.</summary>
    private const string Pictured = "[picture]";

    /// <summary>
    /// Drops empty turns, tool calls without a result and results without a call, and joins turns of one side that follow each other:
    /// providers, or the templates of models, refuse the whole request for one of these, and an interrupted or failed run leaves them
    /// behind.
    /// </summary>
    /// <param name="modelImages">
    /// The protocol takes pictures in the turns of the model that made them; else the next user turn shows them.
    /// </param>
    public static List<ChatTurn> Clean(IReadOnlyList<ChatTurn> turns, bool modelImages = false)
    {
        var clean = new List<ChatTurn>(turns.Count);
        IReadOnlyList<ChatImage> made = [];
        for (var at = 0; at < turns.Count; at++)
        {
            var turn = turns[at];
            if (!modelImages && turn is { Role: ChatRole.Assistant, Images.Count: > 0 })
            {
                made = [.. made, .. turn.Images];
                turn = turn with { Images = [], Text = string.IsNullOrWhiteSpace(turn.Text) ? Pictured : turn.Text };
            }
            else if (made.Count > 0 && turn.Role == ChatRole.User)
            {
                turn = turn with { Images = [.. made, .. turn.Images] };
                made = [];
            }

            if (turn.Role == ChatRole.Tool)
            {
                continue;
            }

            if (turn.ToolCalls.Count > 0)
            {
                AddCalls(clean, turn, Answers(turns, at));
            }
            else if (turn.HasContent)
            {
                Add(clean, turn);
            }
        }

        return clean;
    }

    private static void AddCalls(List<ChatTurn> clean, ChatTurn turn, List<ChatTurn> answers)
    {
        var calls = turn.ToolCalls.Where(call => answers.Any(answer => answer.ToolCallId == call.Id)).ToList();
        if (calls.Count > 0 || turn.HasContent)
        {
            Add(clean, calls.Count == turn.ToolCalls.Count ? turn : turn with { ToolCalls = calls });
        }

        clean.AddRange(answers.Where(answer => calls.Exists(call => call.Id == answer.ToolCallId)));
    }

    private static void Add(List<ChatTurn> clean, ChatTurn turn)
    {
        if (clean.Count == 0 || clean[^1].Role != turn.Role || clean[^1].ToolCalls.Count > 0)
        {
            clean.Add(turn);
            return;
        }

        var before = clean[^1];
        var parts = new[] { before.Text, turn.Text }.Where(text => !string.IsNullOrWhiteSpace(text));
        clean[^1] = turn with
        {
            Text = string.Join("\n\n", parts),
            Images = [.. before.Images, .. turn.Images],
            Files = [.. before.Files, .. turn.Files],
        };
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
