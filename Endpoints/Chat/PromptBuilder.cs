using AiChat.Data;
using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>What a model is asked, made from the branch that the answer is on.</summary>
internal sealed class PromptBuilder(Messages messages)
{
    /// <summary>More than any context holds; a longer branch is cut here before anything is counted.</summary>
    private const int MostTurns = 4_000;

    /// <summary>Room for the answer when the model's own output limit is not known.</summary>
    private const int UsualAnswer = 4_096;

    private const string GoOn = "Continue exactly where your last message stopped. Do not repeat anything and do not comment on it.";

    /// <summary>
    /// The branch up to a question, without empty turns, oldest turns dropped until prompt and answer fit the context. The question is
    /// always sent, even when it alone is too long: then the provider says so.
    /// </summary>
    /// <param name="model">Who is asked: the run's model or one that stands in for it.</param>
    public async Task<Prompt> Build(ChatRun run, ResolvedModel model)
    {
        var session = run.Session;
        var partial = run.Started.PreviousContent; // the answer so far when it is to be continued
        var question = run.Started.UserMessageId ?? run.MessageId;
        var rows = await messages.Branch(session.UserId, session.Id, question, run.Options.ContextEnabled ? MostTurns : 1) ?? [];
        var turns = rows.Select(Turn).Where(turn => turn.Text.Length > 0 || turn.Images.Count > 0).ToList();
        if (partial is { Length: > 0 })
        {
            turns.Add(new ChatTurn(ChatRole.Assistant, partial));
            turns.Add(new ChatTurn(ChatRole.User, GoOn));
        }

        var answer = Math.Min(model.MaxOutputTokens ?? UsualAnswer, model.ContextLimit / 2);
        var system = session.SystemPrompt is { Length: > 0 } text ? text : null;
        var room = model.ContextLimit - answer - (system is null ? 0 : TokenEstimate.Of(system) + TokenEstimate.PerTurn);
        var (first, tokens) = Fit(turns, room, keep: partial is { Length: > 0 } ? 3 : 1);
        return new Prompt
        {
            SystemPrompt = system,
            Turns = turns[first..],
            PromptTokens = tokens + model.ContextLimit - answer - room,
            ContextLimit = model.ContextLimit,
            DroppedTurns = first,
        };
    }

    /// <summary>The first turn that is sent: as many of the newest as fit, but it begins with a person's turn.</summary>
    private static (int First, int Tokens) Fit(List<ChatTurn> turns, int room, int keep)
    {
        var first = turns.Count;
        var tokens = 0;
        while (first > 0)
        {
            var cost = TokenEstimate.Of(turns[first - 1].Text) + TokenEstimate.PerTurn + turns[first - 1].Images.Count * TokenEstimate.PerImage;
            if (tokens + cost > room && turns.Count - first >= keep)
            {
                break;
            }

            tokens += cost;
            first--;
        }

        while (first < turns.Count - keep && turns[first].Role != ChatRole.User)
        {
            tokens -= TokenEstimate.Of(turns[first].Text) + TokenEstimate.PerTurn;
            first++;
        }

        return (first, tokens);
    }

    private static ChatTurn Turn(MessageRow row) => new(row.Role == "user" ? ChatRole.User : ChatRole.Assistant, row.Content)
    {
        State = row.ProviderState,
    };
}

internal sealed record Prompt
{
    public string? SystemPrompt { get; init; }

    public required IReadOnlyList<ChatTurn> Turns { get; init; }

    /// <summary>Estimated.</summary>
    public required int PromptTokens { get; init; }

    public required int ContextLimit { get; init; }

    /// <summary>Turns that did not fit.</summary>
    public required int DroppedTurns { get; init; }
}
