using System.Collections.Concurrent;
using AiChat.Data.Runs;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// How many of a model's tokens one of our estimated ones is, learnt from what its provider reports and kept over restarts.
/// Safe for any number of threads; reading and learning never wait.
/// </summary>
internal sealed class TokenFactors(TokenFactorRows rows, BackgroundWork background) : IHostedService
{
    /// <summary>Shorter prompts are mostly frame and say little about text.</summary>
    private const int LeastPrompt = 200;

    /// <summary>Weight of the newest report: the factor follows within a few calls, and one odd prompt does not throw it.</summary>
    private const double Weight = 0.3;

    private const double Least = 0.5;
    private const double MaxCount = 4;

    /// <summary>Smaller changes are not worth a write.</summary>
    private const double WorthStoring = 0.05;

    private readonly ConcurrentDictionary<(long ConnectionId, string Model), double> _factors = new();
    private readonly ConcurrentDictionary<(long ConnectionId, string Model), double> _stored = new();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var row in await rows.List())
        {
            _factors[(row.ConnectionId, row.Model)] = _stored[(row.ConnectionId, row.Model)] = row.Factor;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>1 until something was learnt.</summary>
    public double Find(ResolvedModel model) => _factors.GetValueOrDefault((model.ConnectionId, model.Model), 1);

    /// <summary>Takes a call's report into account, if it has one.</summary>
    public void Learn(ResolvedModel model, int estimated, int? reported)
    {
        if (reported is not { } tokens || estimated < LeastPrompt)
        {
            return;
        }

        var key = (model.ConnectionId, model.Model);
        var now = Math.Clamp((double)tokens / estimated, Least, MaxCount);
        var factor = _factors.AddOrUpdate(key, now, (_, old) => old + Weight * (now - old));
        if (Math.Abs(factor - _stored.GetValueOrDefault(key, 1)) > WorthStoring)
        {
            _stored[key] = factor;
            var row = new TokenFactorRow { ConnectionId = model.ConnectionId, Model = model.Model, Factor = factor };
            background.Forget("storing what was learnt about tokens", rows.Put(row)); // should it fail, it is learnt again
        }
    }
}
