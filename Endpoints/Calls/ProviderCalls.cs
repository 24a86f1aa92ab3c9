using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Every call that generates goes through here, from whatever door. <see cref="Open"/> returns with the first delta in hand; until
/// then the connection's other keys, the same call after a wait, and the models that may stand in are tried. After it nothing
/// is repeated, because somebody has seen what came; nor is it once a provider has begun to reply, because its work may be done and
/// paid for. The caller reads the <see cref="StreamingCall"/>, disposes it, and stores its
/// ledger entry. Safe for parallel use.
/// </summary>
internal sealed class ProviderCalls(
    ModelCatalog catalog, ProviderRegistry providers, LiveCalls live, KeyRing keys, TokenFactors factors, SystemSettings settings, Metrics metrics,
    TimeProvider clock)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(400);

    /// <summary>The longest that a model is waited for, all waits together.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(20);

    /// <summary>Whoever asks for more than this is not waited for at all.</summary>
    private static readonly TimeSpan NotWaitedFor = TimeSpan.FromMinutes(2);

    /// <exception cref="ProviderException">The last failure, when no attempt got as far as a first delta.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, also while it waited to try again.</exception>
    public async Task<StreamingCall> Open(CallPlan plan, CancellationToken cancel)
    {
        for (var at = 0; ; at++)
        {
            try
            {
                return await Ask(plan, plan.Models[at], cancel);
            }
            catch (ProviderException failure) when (at + 1 < plan.Models.Count && MayDoBetterElsewhere(failure))
            {
                plan.OnRetry?.Invoke(new CallRetry(plan.Models[at + 1], failure, TimeSpan.Zero));
            }
        }
    }

    private async Task<StreamingCall> Ask(CallPlan plan, ResolvedModel model, CancellationToken cancel)
    {
        var provider = providers.Get(model.Provider);
        var endpoints = keys.Order(catalog.Endpoints(model));
        var request = await plan.Request(model, endpoints[0]);
        var retries = 0;
        var waited = TimeSpan.Zero;
        for (var at = 0; ;)
        {
            TimeSpan wait;
            ProviderException failure;
            try
            {
                var call = live.Enter(plan.UserId, plan.IsAdmin, model, endpoints[at], cancel);
                return await StreamingCall.Begin(provider, model, request with { Endpoint = endpoints[at] }, factors, clock, call);
            }
            catch (ProviderException error)
            {
                metrics.ProviderFailed(error.Failure);
                failure = error;
                if (error.IsAboutKey)
                {
                    keys.Rest(endpoints[at], error);
                }

                if (error.HasAnswered)
                {
                    throw;
                }

                if (error.IsAboutKey && at + 1 < endpoints.Count)
                {
                    at++;
                    wait = TimeSpan.Zero;
                }
                else if (WaitAfter(error, retries, waited) is { } time)
                {
                    at = 0;
                    retries++;
                    wait = time;
                    waited += time;
                }
                else
                {
                    throw;
                }
            }

            plan.OnRetry?.Invoke(new CallRetry(model, failure, wait));
            await Task.Delay(wait, clock, cancel);
        }
    }

    /// <summary>How long to wait before the same call again; null when it is not to be repeated.</summary>
    private TimeSpan? WaitAfter(ProviderException failure, int retries, TimeSpan waited)
    {
        // A connection that timed out has cost its ten seconds already.
        if (!failure.IsTransient || failure.Failure == ProviderFailure.ConnectTimeout || retries >= settings.ProviderMaxRetries)
        {
            return null;
        }

        // Between half and the whole of a time that doubles, so that those who failed together do not come back together.
        var wait = FirstWait * (1 << retries) * (0.5 + Random.Shared.NextDouble() / 2);
        if (failure.RetryAfter is { } asked)
        {
            wait = asked > NotWaitedFor ? asked : asked + wait < MaxWait ? asked + wait : MaxWait;
        }

        return waited + wait <= MaxWait ? wait : null;
    }

    /// <summary>
    /// False for what is wrong with the question itself, which no other model would answer either, and when it may have been answered.
    /// </summary>
    private static bool MayDoBetterElsewhere(ProviderException failure) =>
        !failure.HasAnswered
        && failure.Failure is not (ProviderFailure.BadRequest or ProviderFailure.ContextTooLong or ProviderFailure.ContentFilter or ProviderFailure.TooLarge);
}

/// <summary>What is asked, of whom, and who is told that it takes another attempt.</summary>
internal sealed record CallPlan
{
    /// <summary>On whose account; the call ends when the model is taken away from this user.</summary>
    public required long UserId { get; init; }

    /// <summary>As an administrator, who may use more models.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>The model that was chosen, then those that may stand in for it; never empty.</summary>
    public required IReadOnlyList<ResolvedModel> Models { get; init; }

    /// <summary>Makes the request for one of the models; called once for each that is tried.</summary>
    public required Func<ResolvedModel, ProviderEndpoint, ValueTask<ChatRequest>> Request { get; init; }

    public Action<CallRetry>? OnRetry { get; init; }
}

/// <summary>An attempt failed; the next one asks this model after this wait.</summary>
internal sealed record CallRetry(ResolvedModel Model, ProviderException Failure, TimeSpan Wait);
