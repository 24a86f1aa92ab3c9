using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// What a model reads at most, learnt from a provider that refused a prompt for its length. It is kept, so that later prompts fit at
/// once, until an administrator enters a limit, changes the connection, or the provider lists another one. Safe for parallel use.
/// </summary>
internal sealed class ContextLimits(ModelCatalog catalog, TokenFactors factors, BackgroundWork background)
{
    private const int MinLimit = 256;

    /// <summary>Learns from a refusal. The result is the model as the question may be put to it again, with less of the chat.</summary>
    public async Task<ResolvedModel> Learn(ResolvedModel model, ChatRequest refused, ContextRefusal? said)
    {
        var estimated = TokenEstimate.Estimate(refused);
        if (said?.PromptTokens is { } counted)
        {
            factors.LearnAtLeast(model, estimated, counted);
        }

        var sent = (int)Math.Min(estimated * factors.Find(model), int.MaxValue);
        var limit = said?.Limit ?? Math.Clamp(sent / 4 * 3, MinLimit, Math.Max(MinLimit, model.ContextLimit));
        if (limit != model.ContextLimit)
        {
            try
            {
                await catalog.Learn(model, limit);
            }
            catch (Exception error)
            {
                background.Report("keeping what a model reads at most", error); // it is learnt again with the next refusal
            }
        }

        // Without a number half of what was refused is likely to fit. What was refused although it should have fitted is longer than
        // it was measured, so that less than its measure fits.
        var fits = said?.Limit is not { } known ? sent / 2 : sent > known / 4 * 3 ? known : sent;
        return model with { ContextLimit = Math.Max(MinLimit, Math.Min(fits, limit)) };
    }
}
