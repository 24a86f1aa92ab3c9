using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http.Features;
using RequestSizeLimitAttribute = Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute;

namespace AiChat.Endpoints.Compat;

/// <summary>The routes of the OpenAI- and Anthropic-compatible API. Each protocol reaches every model of the catalogue.</summary>
internal static class CompatEndpoints
{
    public static void MapCompat(this WebApplication app)
    {
        var v1 = app.MapGroup("/v1").Allow(Access.User);
        v1.MapGet("/models", ListModels).NeedsScope(KeyScopes.Models);
        v1.MapGet("/models/{**id}", GetModel).NeedsScope(KeyScopes.Models);
        var calls = v1.MapGroup("").NeedsScope(KeyScopes.Chat).WithMetadata(new RequestSizeLimitAttribute(CompatBody.MaxBytes));
        calls.MapPost("/chat/completions", Complete);
        calls.MapPost("/responses", Respond);
        calls.MapPost("/messages", CreateMessage);
        calls.MapPost("/messages/count_tokens", CountTokens);
        calls.MapPost("/embeddings", Embed);
        foreach (var endpoint in MeteredEndpoint.All)
        {
            calls.MapPost("/" + endpoint.Path, (HttpContext context, CurrentUser me, MeteredCalls metered) =>
                metered.Answer(context, me, endpoint));
        }
    }

    private static Task<IResult> Complete(HttpContext context, CurrentUser me, CompatCalls compat) =>
        compat.Answer(context, me, new ChatCompletions());

    private static Task<IResult> Respond(HttpContext context, CurrentUser me, CompatCalls compat) =>
        compat.Answer(context, me, new Responses());

    private static Task<IResult> CreateMessage(HttpContext context, CurrentUser me, CompatCalls compat) =>
        compat.Answer(context, me, new AnthropicMessages());

    private static Task<IResult> Embed(HttpContext context, CurrentUser me, EmbeddingCalls embeddings) => embeddings.Answer(context, me);

    private static IResult ListModels(HttpContext context, CurrentUser me, ModelCatalog catalog)
    {
        var models = catalog.Current.Models
            .Where(model => !model.Hidden && model.MayUse(me.Id, me.IsAdmin))
            .Select(model => (Found: model, Resolved: catalog.Resolve(model)))
            .Where(model => ModelCatalog.IsForKey(me, model.Resolved))
            .ToList();
        try
        {
            return VendorErrors.IsFromAnthropic(context.Request)
                ? ModelLists.Anthropic(models, context.Request.Query) : ModelLists.OpenAi(models);
        }
        catch (CompatRefusal refusal)
        {
            return refusal.Problem;
        }
    }

    private static Task<IResult> CountTokens(HttpContext context, CurrentUser me, TokenCounts counts) => counts.Answer(context, me);

    private static IResult GetModel(string id, HttpContext context, CurrentUser me, ModelCatalog catalog) =>
        (catalog.Resolve(me, null, id) ?? catalog.Resolve(me, null, WholeId(context))) is { } found
        && catalog.Current.Find(found.ConnectionId, found.Model) is { } model
            ? new JsonResult(json => ModelLists.Write(json, model, found, VendorErrors.IsFromAnthropic(context.Request)))
            : new Problem(404, "model_not_found", "There is no such model, or you may not use it.");

    /// <summary>The id from the raw target: an escaped slash stays escaped in the route value.</summary>
    private static string WholeId(HttpContext context)
    {
        const string before = "/v1/models/";
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?', 2)[0];
        var at = target.IndexOf(before, StringComparison.OrdinalIgnoreCase);
        return Uri.UnescapeDataString(at < 0 ? "" : target[(at + before.Length)..]);
    }
}
