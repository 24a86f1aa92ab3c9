using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Anthropic's "Count tokens". A provider of the same protocol counts itself, which is a request without tokens; for any other model, and
/// where such a server does not count, it is our own estimate, corrected by the usage that the provider has reported.
/// </summary>
internal sealed class TokenCounts(
    CompatCalls compat, KeyedCalls calls, ProviderRegistry providers, ModelCatalog catalog, TokenFactors factors, SystemSettings settings,
    TimeProvider clock)
{
    private static readonly AnthropicMessages Messages = new(onlyCounts: true);

    public Task<IResult> Answer(HttpContext context, CurrentUser me) => compat.Handle(context, me, async (body, ends) =>
    {
        var request = Messages.Read(body, context.Request);
        var model = compat.Resolve(me, request.Model);
        if (!Messages.IsSpokenBy(model.Provider) || providers.Get(model.Provider) is not ITokenCounter counter)
        {
            return Estimate(request, model);
        }

        new CompatJob(context, me, Messages, request, model, ends).CheckTakes(model, catalog);
        var admission = settings.Admission(me, model, 0, 0) with { Count = 0 };
        return await compat.Metered(me, model, admission, async (_, _, used) =>
        {
            var begun = clock.GetTimestamp();
            try
            {
                var count = await calls.Ask(
                    me, model, (endpoint, cancel) => counter.CountAsync(Call(request, model, endpoint), cancel), ends);
                var ms = (long)clock.GetElapsedTime(begun).TotalMilliseconds;
                used.Add(CompatCalls.Place(me).Entry(model, "done") with { Source = "provider", FirstTokenMs = ms, TotalMs = ms });
                return count is { } json ? TypedResults.Bytes(json, "application/json") : Estimate(request, model);
            }
            catch (ProviderException error)
            {
                used.Add(CompatCalls.Place(me).Failed(model));
                return VendorErrors.FromProvider(error, context.Request.Path, model.Provider);
            }
        });
    });

    private ChatRequest Call(CompatRequest request, ResolvedModel model, ProviderEndpoint endpoint) =>
        Messages.Pass(request, new ResolvedCall(model.Provider, model.Model, endpoint, settings.Timeouts, turn => turn));

    private JsonResult Estimate(CompatRequest request, ResolvedModel model) => new(json =>
        json.WriteNumber("input_tokens", (long)Math.Ceiling(request.PromptTokens * factors.Find(model))));
}
