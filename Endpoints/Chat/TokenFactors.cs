using System.Collections.Concurrent;

namespace AiChat.Endpoints.Chat;

/// <summary>
/// How many of a model's tokens one of our estimated ones is, learnt from what its provider reports. Safe for any number of threads.
/// </summary>
internal sealed class TokenFactors
{
    /// <summary>Shorter prompts are mostly frame and say little about text.</summary>
    private const int LeastPrompt = 200;

    /// <summary>Weight of the newest report: the factor follows within a few calls, and one odd prompt does not throw it.</summary>
    private const double Weight = 0.3;

    private const double Least = 0.25;
    private const double Most = 4;

    private readonly ConcurrentDictionary<(long ConnectionId, string Model), double> _factors = new();

    /// <summary>1 until something was learnt.</summary>
    public double Of(ResolvedModel model) => _factors.GetValueOrDefault((model.ConnectionId, model.Model), 1);

    /// <summary>Takes a call's report into account, if it has one.</summary>
    public void Learn(ResolvedModel model, int estimated, int? reported)
    {
        if (reported is not { } tokens || estimated < LeastPrompt)
        {
            return;
        }

        var now = Math.Clamp((double)tokens / estimated, Least, Most);
        _factors.AddOrUpdate((model.ConnectionId, model.Model), now, (_, old) => old + Weight * (now - old));
    }
}
