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

/// <summary>Answers requests at every <see cref="Door"/>: the same gate, limits and ledger for all of them.</summary>
internal sealed class DoorCalls(
    CompatCalls compat, KeyedCalls calls, ProviderRegistry providers, SystemSettings settings, TimeProvider clock)
{
    /// <summary>Tokens of a second of sound, where a reply counts seconds.</summary>
    private const int TokensPerSecond = 10;

    public Task<IResult> Answer(HttpContext context, CurrentUser me, Door door) => compat.Handle(context, me, async ends =>
    {
        using var body = await DoorBody.Read(context, door);
        var model = compat.Resolve(me, body.Model ?? door.DefaultModel ?? throw CompatRefusal.Bad("model is missing."));
        if (providers.Get(model.Provider) is not IDoorProvider provider || !provider.HasDoor(door.Path))
        {
            throw CompatRefusal.Bad($"The provider of {model.PublicId} has no {context.Request.Path}.");
        }

        var answers = body.Answers * (door.Answer == DoorAnswer.Text ? body.Prompts : 1);
        var admission = settings.Admission(me, model, body.PromptTokens, MaxAnswer(door, body), answers, body.Prompts) with
        {
            Count = door.IsAsked ? 1 : 0,
            Needs = 1,
        };
        return await compat.Metered(me, model, admission, async (_, _, used) =>
        {
            var relay = new DoorRelay(
                context, Sse.HeartbeatInterval(settings) * 0.95, door.StreamsUsageOnRequest && !body.WantsUsage, clock, ends);
            var begun = clock.GetTimestamp();
            var status = "failed";
            try
            {
                await calls.Ask(me, model, (endpoint, cancel) => Relay(provider, door, body, model, endpoint, relay, cancel), ends);
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
                used.Add(relay.HasBegun ? Entry(me, model, door, body, relay, status, ms) : CompatCalls.Place(me).Entry(model, status));
            }

            return TypedResults.Empty;
        });
    });

    private async Task<bool> Relay(
        IDoorProvider provider, Door door, DoorBody body, ResolvedModel model, ProviderEndpoint endpoint, DoorRelay relay,
        CancellationToken cancel)
    {
        try
        {
            await using var reply = await Send(provider, door, body, model, endpoint, cancel);
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
        IDoorProvider provider, Door door, DoorBody body, ResolvedModel model, ProviderEndpoint endpoint, CancellationToken cancel)
    {
        // An answer that comes whole may take as long as it is made; that of a stream begins at once.
        var timeouts = body.Streams ? settings.Timeouts : settings.Timeouts with { FirstByte = settings.Timeouts.Total };
        return door.StreamsUsageOnRequest && body.Streams ? SendWithUsage() : SendPlain(askForUsage: false);

        Task<ProviderReply> SendPlain(bool askForUsage) => provider.SendAsync(
            new DoorRequest(endpoint, door.Path, model.Model, body.For(model.Model, askForUsage), body.MediaType, timeouts), cancel);

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
    private static long? MaxAnswer(Door door, DoorBody body) => door.Answer switch
    {
        DoorAnswer.Text => body.MaxTokens,
        DoorAnswer.Images => TokenEstimate.PerImage,
        _ => 0,
    };

    private static LedgerEntry Entry(
        CurrentUser me, ResolvedModel model, Door door, DoorBody body, DoorRelay relay, string status, long ms)
    {
        var usage = relay.Usage;
        var counted = usage.Any || usage.Total is not null;
        var completion = usage.Completion ?? (counted ? 0 : Completion(door, body, relay));
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

    private static long Completion(Door door, DoorBody body, DoorRelay relay) => door.Answer switch
    {
        DoorAnswer.Text when relay.Events > 0 => relay.Events, // servers send about a token in each event
        DoorAnswer.Text => relay.Bytes / 4,
        DoorAnswer.Images => (long)TokenEstimate.PerImage * body.Answers,
        _ => 0,
    };
}
