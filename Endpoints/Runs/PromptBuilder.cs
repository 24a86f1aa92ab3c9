using AiChat.Data.Chats;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Images;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Runs;

/// <summary>Builds the prompt of an answer from the branch that the answer is on.</summary>
internal sealed class PromptBuilder(Messages messages, PromptImages pictures, TokenFactors factors)
{
    /// <summary>More turns than any context holds; a longer branch is cut to this before tokens are counted.</summary>
    private const int MaxTurns = 4_000;

    /// <summary>Tokens that are left for the answer when the model's own output limit is not known.</summary>
    private const int DefaultAnswer = 4_096;

    private const string SummaryIntroduction = "What was said in this conversation before, in short:\n\n";

    private static readonly Dictionary<long, TurnImages> NoImages = [];

    /// <summary>
    /// The branch up to a question without empty turns. The oldest turns are dropped until prompt and answer fit the context. The question
    /// is always sent, even when it alone is too long; the provider then refuses it.
    /// </summary>
    /// <param name="model">The model that is asked: the run's own or a fallback.</param>
    /// <param name="reserve">Estimated tokens of turns that the caller adds.</param>
    public async Task<Prompt> Build(Run run, ResolvedModel model, int reserve)
    {
        var question = run.Started.UserMessageId ?? run.MessageId;
        if (run is { Request: { Kind: NewRun.Send, ImageIds.Count: 0 }, Started.ParentId: null })
        {
            // The first message of a chat, without images: there is nothing to read from the database.
            var first = new MessageRow { Id = question, Role = "user", Content = run.Request.Content };
            return Fill(run.Session, question, [first], NoImages, null, model, reserve);
        }

        return await Build(run.Session, question, run.Started.PreviousContent, run.Options.ContextEnabled, model, reserve);
    }

    /// <summary>The session's active branch as a prompt for this model: its tokens and how many turns would be left out.</summary>
    public Task<Prompt> Measure(SessionRow session, ResolvedModel model) => Build(session, null, null, true, model, 0);

    /// <param name="question">The message to answer; null is the one that the active branch would be continued with.</param>
    /// <param name="partial">The answer so far when it is to be continued.</param>
    private async Task<Prompt> Build(
        SessionRow session, long? question, string? partial, bool contextEnabled, ResolvedModel model, int reserve)
    {
        var rows = await messages.Branch(session.UserId, session.Id, question ?? session.LeafId, contextEnabled ? MaxTurns : 1) ?? [];
        return Fill(session, question, rows, await pictures.For(session.UserId, rows, model.Capabilities.Vision), partial, model, reserve);
    }

    private Prompt Fill(
        SessionRow session, long? question, List<MessageRow> rows, IReadOnlyDictionary<long, TurnImages> images, string? partial,
        ResolvedModel model, int reserve)
    {
        // A summary at the question itself is for what comes after it.
        var before = question is null ? rows.Count : rows.Count - 1;
        var covered = before > 0 ? rows.FindLastIndex(before - 1, row => row.Summary is not null) : -1;
        var sent = new List<MessageRow>();
        var turns = new List<ChatTurn>();
        for (var at = covered + 1; at < rows.Count; at++)
        {
            if (rows[at] is var row && (row.Content.Length > 0 || images.ContainsKey(row.Id)))
            {
                sent.Add(row);
                turns.Add(Turn(row, images));
            }
        }

        if (partial is { Length: > 0 })
        {
            turns.Add(new ChatTurn(ChatRole.Assistant, partial));
        }

        // Tokens are estimated with one measure for all models; the factor converts them to the model's own.
        var factor = factors.Find(model);
        var asked = SessionParameters.Parse(session.Parameters).MaxOutputTokens ?? model.MaxOutputTokens ?? DefaultAnswer;
        var answer = Math.Min(asked, MaxReserve(model.ContextLimit));
        var system = session.SystemPrompt is { Length: > 0 } text ? text : null;
        ChatTurn? summary = covered >= 0 && rows[covered].Summary is { Length: > 0 } told
            ? new ChatTurn(ChatRole.User, SummaryIntroduction + told) : null;
        var overhead = reserve + (system is null ? 0 : TokenEstimate.Estimate(system) + TokenEstimate.PerTurn)
            + (summary is null ? 0 : TokenEstimate.Estimate(summary));
        var max = (int)((model.ContextLimit - answer) / factor) - overhead;
        var (first, tokens) = Fit(turns, max, keep: question is null ? 0 : partial is { Length: > 0 } ? 2 : 1);
        return new Prompt
        {
            SystemPrompt = system,
            Turns = summary is not null ? [summary, .. turns[first..]] : first == 0 ? turns : turns[first..],
            PromptTokens = (int)((tokens + overhead) * factor),
            ContextLimit = model.ContextLimit,
            Continues = partial is { Length: > 0 },
            TrimmedTurns = first,
            FirstMessageId = first < sent.Count ? sent[first].Id : null,
            MessageTokens = Math.Max(0, max - TokenEstimate.PerTurn),
            Question = rows.Count > 0 ? rows[^1] : null,
            QuestionImages = pictures.View(images, question ?? 0),
        };
    }

    /// <summary>The largest part of a context that is kept for the answer.</summary>
    public static int MaxReserve(int contextLimit) => contextLimit / 4;

    /// <summary>The first turn that is sent, so that the newest turns fit and the prompt begins with a user's turn.</summary>
    /// <param name="max">Tokens that the turns may take.</param>
    /// <param name="keep">How many of the newest turns are sent in any case.</param>
    private static (int First, int Tokens) Fit(List<ChatTurn> turns, int max, int keep)
    {
        var first = turns.Count;
        var tokens = 0;
        while (first > 0)
        {
            var cost = TokenEstimate.Estimate(turns[first - 1]);
            if (tokens + cost > max && turns.Count - first >= keep)
            {
                break;
            }

            tokens += cost;
            first--;
        }

        while (first < turns.Count - keep && turns[first].Role != ChatRole.User)
        {
            tokens -= TokenEstimate.Estimate(turns[first]);
            first++;
        }

        return (first, tokens);
    }

    private static ChatTurn Turn(MessageRow row, IReadOnlyDictionary<long, TurnImages> images)
    {
        var own = images.GetValueOrDefault(row.Id);
        var text = own?.Note is not { } note ? row.Content : row.Content.Length == 0 ? note : $"{row.Content}\n\n{note}";
        return new ChatTurn(row.Role == "user" ? ChatRole.User : ChatRole.Assistant, text)
        {
            Images = own?.Sent ?? [],
            State = row.ProviderState,
        };
    }
}

/// <summary>What a model is sent for an answer, and what readers are told of it.</summary>
internal sealed record Prompt
{
    public string? SystemPrompt { get; init; }

    public required IReadOnlyList<ChatTurn> Turns { get; init; }

    /// <summary>Estimated tokens of the whole prompt.</summary>
    public required int PromptTokens { get; init; }

    public required int ContextLimit { get; init; }

    /// <summary>The last turn is the beginning of the answer.</summary>
    public bool Continues { get; init; }

    /// <summary>How many of the oldest turns were left out because they did not fit.</summary>
    public required int TrimmedTurns { get; init; }

    /// <summary>The oldest message that is sent; null when none is.</summary>
    public long? FirstMessageId { get; init; }

    /// <summary>Estimated tokens of the longest message that fits when nothing else of the chat is sent.</summary>
    public int MessageTokens { get; init; }

    /// <summary>The message that is answered.</summary>
    public MessageRow? Question { get; init; }

    /// <summary>The images of the message that is answered, as clients see them.</summary>
    public IReadOnlyList<ImageResponse> QuestionImages { get; init; } = [];
}
