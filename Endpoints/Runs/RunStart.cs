using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>The result of a request for an answer: the answer to read, or the problem.</summary>
internal sealed record RunStart
{
    /// <summary>The message of the answer; 0 when there is a problem.</summary>
    public long MessageId { get; init; }

    /// <summary>The run, when it lives in memory.</summary>
    public Run? Run { get; init; }

    /// <summary>An earlier request with the same client message id started the answer.</summary>
    public bool Repeated { get; init; }

    /// <summary>Why there is no answer; null when there is one.</summary>
    public Problem? Problem { get; init; }

    public static implicit operator RunStart(Problem problem) => new() { Problem = problem };

    /// <param name="stored">The store's result.</param>
    /// <param name="run">The run, if one was started.</param>
    /// <param name="now">For the time until a used up limit is reset.</param>
    public static RunStart From(StartedRun stored, Run? run, DateTimeOffset now) => stored.Outcome switch
    {
        StartOutcome.Started => new RunStart { MessageId = stored.MessageId, Run = run },
        StartOutcome.Known => new RunStart { MessageId = stored.MessageId, Repeated = true },
        StartOutcome.Conflict => IdIsTaken(),
        StartOutcome.NotNow => Problems.Conflict("message_conflict", "The message to go on from is not a finished answer."),
        StartOutcome.Refused => QuotaPolicy.Refusal(stored.Limit!, now),
        StartOutcome.NotFound => Problems.NotFound(),
    };

    /// <summary>The client message id belongs to another request.</summary>
    public static Problem IdIsTaken() => Problems.Conflict("message_conflict", "This clientMessageId was used for another message.");
}
