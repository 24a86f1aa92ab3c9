using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>Answers requests at every <see cref="MeteredEndpoint"/>: the same gate, limits and ledger for all of them.</summary>
internal sealed class MeteredCalls(
    CompatCalls compat, KeyedCalls calls, ProviderRegistry providers, SystemSettings settings, TimeProvider clock)
{
    /// <summary>Tokens of a second of sound, where a reply counts seconds.</summary>
    private const int TokensPerSecond = 10;

    public Task<IResult> Answer(HttpContext context, CurrentUser me, MeteredEndpoint metered) => compat.Handle(context, me, async ends =>
    {
        using var body = await MeteredBody.Read(context, metered);
        var model = compat.Resolve(me, body.Model ?? metered.DefaultModel ?? throw CompatRefusal.Bad("model is missing."));
        if (providers.Get(model.Provider) is not IRelayProvider provider || !provider.Relays(metered.Path))
        {
            throw CompatRefusal.Bad($"The provider of {model.PublicId} has no {context.Request.Path}.");
        }

        var answers = body.Answers * (metered.Answer == MeteredAnswer.Text ? body.Prompts : 1);
        var admission = settings.Admission(me, model, body.PromptTokens, MaxAnswer(metered, body), answers, body.Prompts) with
        {
            Count = metered.IsAsked ? 1 : 0,
            Needs = 1,
        };
        return await compat.Metered(me, model, admission, async (_, _, used) =>
        {
            var relay = new MeteredRelay(
                context, Sse.HeartbeatInterval(settings) * 0.95, metered.StreamsUsageOnRequest && !body.WantsUsage, clock, ends);
            var begun = clock.GetTimestamp();
            var status = "failed";
            try
            {
                await calls.Ask(me, model, (endpoint, cancel) => Relay(provider, metered, body, model, endpoint, relay, cancel), ends);
                status = relay.HasError ? "failed" : "done";
            }
            catch (OperationCanceledException)
            {
                status = "stopped";
                throw;
            }
            catch (ProviderException error)
            {
                var problem = VendorErrors.FromProvider(error, context.Request.Path, model.Provider);
                if (!relay.HasBegun)
                {
                    return problem;
                }

                await relay.Break(problem);
            }
            finally
            {
                var ms = (long)clock.GetElapsedTime(begun).TotalMilliseconds;
                used.Add(relay.HasBegun ? Entry(me, model, metered, body, relay, status, ms) : CompatCalls.Place(me).Entry(model, status));
            }

            return TypedResults.Empty;
        });
    });

    private async Task<bool> Relay(
        IRelayProvider provider, MeteredEndpoint metered, MeteredBody body, ResolvedModel model, ProviderEndpoint endpoint,
        MeteredRelay relay, CancellationToken cancel)
    {
        try
        {
            await using var reply = await Send(provider, metered, body, model, endpoint, cancel);
            await relay.Pass(reply, endpoint);
            return true;
        }
        catch (ProviderException error) when (relay.HasBegun)
        {
            error.HasAnswered = true;
            throw;
        }
    }

    private Task<ProviderReply> Send(
        IRelayProvider provider, MeteredEndpoint metered, MeteredBody body, ResolvedModel model, ProviderEndpoint endpoint,
        CancellationToken cancel)
    {
        // An answer that comes whole may take as long as it is made; that of a stream begins at once.
        var timeouts = body.Streams ? settings.Timeouts : settings.Timeouts with { FirstByte = settings.Timeouts.Total };
        return metered.StreamsUsageOnRequest && body.Streams ? SendWithUsage() : SendPlain(askForUsage: false);

        Task<ProviderReply> SendPlain(bool askForUsage) => provider.SendAsync(
            new RelayRequest(endpoint, metered.Path, model.Model, body.For(model.Model, askForUsage), body.MediaType, timeouts), cancel);

        async Task<ProviderReply> SendWithUsage()
        {
            try
            {
                return await SendPlain(askForUsage: true);
            }
            catch (ProviderException error) when (!body.WantsUsage && error.UpstreamStatus is 400 or 422
                && error.Detail.Contains("stream_options", StringComparison.OrdinalIgnoreCase))
            {
                return await SendPlain(askForUsage: false); // the server does not know the member, and the client did not send it
            }
        }
    }

    /// <summary>The tokens to reserve for one answer; null is a text of unknown length.</summary>
    private static long? MaxAnswer(MeteredEndpoint metered, MeteredBody body) => metered.Answer switch
    {
        MeteredAnswer.Text => body.MaxTokens,
        MeteredAnswer.Images => TokenEstimate.PerImage,
        _ => 0,
    };

    private static LedgerEntry Entry(
        CurrentUser me, ResolvedModel model, MeteredEndpoint metered, MeteredBody body, MeteredRelay relay, string status, long ms)
    {
        var usage = relay.Usage;
        var counted = usage.Any || usage.Total is not null;
        var completion = usage.Completion ?? (counted ? 0 : Completion(metered, body, relay));
        var prompt = usage.Prompt ?? usage.Total - completion
            ?? (relay.Seconds is { } seconds ? (long)Math.Ceiling(seconds * TokensPerSecond) : body.PromptTokens);
        return CompatCalls.Place(me).Entry(model, status) with
        {
            PromptTokens = prompt,
            CompletionTokens = completion,
            CachedTokens = usage.Cached ?? 0,
            Source = counted ? "provider" : "estimate",
            Price = model.Price?.ToJson(),
            CostNanos = model.Price?.CostNanos(prompt, completion, usage.Cached ?? 0) ?? 0,
            FirstTokenMs = ms,
            TotalMs = ms,
        };
    }

    private static long Completion(MeteredEndpoint metered, MeteredBody body, MeteredRelay relay) => metered.Answer switch
    {
        MeteredAnswer.Text when relay.Events > 0 => relay.Events, // servers send about a token in each event
        MeteredAnswer.Text => relay.Bytes / 4,
        MeteredAnswer.Images => (long)TokenEstimate.PerImage * body.Answers,
        _ => 0,
    };
}
