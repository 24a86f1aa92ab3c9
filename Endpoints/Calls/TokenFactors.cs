using System.Collections.Concurrent;
using AiChat.Data.Runs;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// The factor between our estimate and the tokens of a model, learnt from the usage that its provider reports and stored. Safe for any
/// number of threads; reading and learning never wait.
/// </summary>
internal sealed class TokenFactors(TokenFactorRows rows, BackgroundWork background) : IHostedService
{
    /// <summary>Estimated tokens below which a prompt is mostly framing and says little about its text.</summary>
    private const int MinPrompt = 200;

    /// <summary>Weight of the newest report: the factor adapts within a few calls, and one unusual prompt has little effect.</summary>
    private const double Weight = 0.3;

    private const double MinFactor = 0.5;
    private const double MaxFactor = 4;

    /// <summary>Smaller changes are not stored.</summary>
    private const double MinChange = 0.05;

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

    /// <summary>The factor of a model; 1 until one was learnt.</summary>
    public double Find(ResolvedModel model) => _factors.GetValueOrDefault((model.ConnectionId, model.Model), 1);

    /// <summary>Learns from the usage that a call reported, if it reported any.</summary>
    public void Learn(ResolvedModel model, int estimated, int? reported)
    {
        if (reported is not { } tokens || estimated < MinPrompt)
        {
            return;
        }

        var now = Math.Clamp((double)tokens / estimated, MinFactor, MaxFactor);
        var factor = _factors.AddOrUpdate((model.ConnectionId, model.Model), now, (_, old) => old + Weight * (now - old));
        Store(model, factor);
    }

    /// <summary>As <see cref="Learn"/>, from a prompt that was refused for its length: the next is measured no shorter.</summary>
    public void LearnAtLeast(ResolvedModel model, int estimated, int reported)
    {
        if (estimated >= MinPrompt)
        {
            var now = Math.Clamp((double)reported / estimated, MinFactor, MaxFactor);
            Store(model, _factors.AddOrUpdate((model.ConnectionId, model.Model), now, (_, old) => Math.Max(old, now)));
        }
    }

    private void Store(ResolvedModel model, double factor)
    {
        var key = (model.ConnectionId, model.Model);
        if (Math.Abs(factor - _stored.GetValueOrDefault(key, 1)) > MinChange)
        {
            _stored[key] = factor;
            var row = new TokenFactorRow { ConnectionId = model.ConnectionId, Model = model.Model, Factor = factor };
            background.Forget("storing token factors", rows.Put(row)); // after a failure it is learnt again
        }
    }
}
