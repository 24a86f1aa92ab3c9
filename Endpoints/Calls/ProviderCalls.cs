using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Makes every call that generates text, for the chat and for the compatible API. <see cref="Open"/> returns with the first delta. Until
/// then it tries the other keys of the connection, repeats the call after a wait or with less of a chat that was too long, and tries the
/// fallback models. Nothing is repeated
/// after the first delta, because a reader has seen it, nor once a provider has begun to reply, because the provider may have done and
/// charged the work. The caller reads the <see cref="StreamingCall"/>, disposes it and stores its ledger entry. Safe for parallel use.
/// </summary>
internal sealed class ProviderCalls(
    ModelCatalog catalog, ProviderRegistry providers, LiveCalls live, KeyRing keys, TokenFactors factors, ContextLimits limits,
    SystemSettings settings, Metrics metrics, TimeProvider clock)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(400);

    /// <summary>Bound of all waits for one model together.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(20);

    /// <summary>A provider that asks for a longer wait than this is not waited for at all.</summary>
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromMinutes(2);

    /// <summary>Opens a call by the plan and waits for its first delta.</summary>
    /// <exception cref="ProviderException">No attempt got a first delta; this is the last failure.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, possibly during a wait.</exception>
    public async Task<StreamingCall> Open(CallPlan plan, CancellationToken cancel)
    {
        for (var at = 0; ; at++)
        {
            try
            {
                return await Ask(plan, plan.Models[at], cancel);
            }
            catch (ProviderException failure) when (at + 1 < plan.Models.Count && MayFallBack(failure))
            {
                plan.OnRetry?.Invoke(new CallRetry(plan.Models[at + 1], failure, TimeSpan.Zero));
            }
            catch (ProviderException failure)
            {
                failure.TriedAgain |= at > 0;
                throw;
            }
        }
    }

    private async Task<StreamingCall> Ask(CallPlan plan, ResolvedModel model, CancellationToken cancel)
    {
        var provider = providers.Get(model.Provider);
        var endpoints = keys.Order(catalog.Endpoints(model));
        var request = await plan.Request(model, endpoints[0]);
        var (tries, retries) = (0, 0);
        var isShortened = false;
        var waited = TimeSpan.Zero;
        for (var at = 0; ;)
        {
            TimeSpan wait;
            ProviderException failure;
            try
            {
                var call = live.Enter(plan.UserId, plan.IsAdmin, model, endpoints[at], cancel);
                request = ReferenceEquals(request.Endpoint, endpoints[at]) ? request : request with { Endpoint = endpoints[at] };
                return await StreamingCall.Begin(provider, model, request, factors, clock, call);
            }
            catch (ProviderException error)
            {
                metrics.ProviderFailed(error.Failure);
                failure = error;
                if (error.IsAboutKey)
                {
                    keys.Rest(endpoints[at], error);
                }

                error.TriedAgain = tries++ > 0;
                if (error.HasAnswered)
                {
                    throw;
                }

                if (error.Failure == ProviderFailure.ContextTooLong && !isShortened)
                {
                    isShortened = true;
                    model = await limits.Learn(model, request, error.Context);
                    var shorter = plan.MayShorten ? await plan.Request(model, endpoints[at]) : request;
                    if (!IsShorter(shorter, request))
                    {
                        throw;
                    }

                    request = shorter;
                    wait = TimeSpan.Zero;
                }
                else if (error.IsAboutKey && at + 1 < endpoints.Count)
                {
                    at++;
                    wait = TimeSpan.Zero;
                }
                else if (WaitAfter(plan, error, retries, waited) is { } time)
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

    private static bool IsShorter(ChatRequest next, ChatRequest before) =>
        next.Turns.Count < before.Turns.Count || next.Sampling.MaxOutputTokens < before.Sampling.MaxOutputTokens;

    /// <summary>How long to wait before the same call again; null when it is not to be repeated.</summary>
    private TimeSpan? WaitAfter(CallPlan plan, ProviderException failure, int retries, TimeSpan waited)
    {
        // A connect timeout has already taken ten seconds.
        if (!failure.IsTransient || failure.Failure == ProviderFailure.ConnectTimeout
            || retries >= (plan.MaxRetries ?? settings.ProviderMaxRetries))
        {
            return null;
        }

        // Exponential backoff with jitter, so that calls that failed together are not repeated together.
        var wait = FirstWait * (1 << retries) * (0.5 + Random.Shared.NextDouble() / 2);
        if (failure.RetryAfter is { } asked)
        {
            wait = asked > MaxRetryAfter ? asked : asked + wait < MaxWait ? asked + wait : MaxWait;
        }

        return waited + wait <= MaxWait ? wait : null;
    }

    /// <summary>False when any model would refuse the question, and when it may have been answered already.</summary>
    private static bool MayFallBack(ProviderException failure) =>
        !failure.HasAnswered && failure.Failure is not
            (ProviderFailure.BadRequest or ProviderFailure.ContextTooLong or ProviderFailure.ContentFilter or ProviderFailure.TooLarge);
}

/// <summary>A call to make: the request, the models to try, and who is told of retries.</summary>
internal sealed record CallPlan
{
    /// <summary>The user whose account is charged; the call is cut when the model is taken away from this user.</summary>
    public required long UserId { get; init; }

    /// <summary>Whether that user is an administrator, who may use more models.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>The chosen model, then its fallbacks; never empty.</summary>
    public required IReadOnlyList<ResolvedModel> Models { get; init; }

    /// <summary>
    /// Makes the request for a model; called once for each model that is tried, and once more when the chat was too long for it.
    /// </summary>
    public required Func<ResolvedModel, ProviderEndpoint, ValueTask<ChatRequest>> Request { get; init; }

    /// <summary>The request is made of a chat, whose oldest messages may be left out when the model reads less than is known.</summary>
    public bool MayShorten { get; init; }

    /// <summary>
    /// How often a call is repeated after a wait, if that is not the administrator's setting. 0 for a client that repeats it by itself.
    /// </summary>
    public int? MaxRetries { get; init; }

    public Action<CallRetry>? OnRetry { get; init; }
}

/// <summary>An attempt failed; the next attempt asks this model after this wait.</summary>
internal sealed record CallRetry(ResolvedModel Model, ProviderException Failure, TimeSpan Wait);
