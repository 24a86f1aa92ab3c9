using System.Text.Json;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Catalog;

/// <summary>The models people may pick, and the administrators' overrides of them.</summary>
internal static class ModelEndpoints
{
    private const int MaxItems = ModelOverrideForm.MaxCount;

    public static void MapModels(this RouteGroupBuilder api)
    {
        var catalog = api.MapGroup("/catalog/models");
        catalog.MapGet("", List).Allow(Access.Any);
        var admin = catalog.MapGroup("").Allow(Access.Admin);
        admin.MapPost("/refresh", Refresh);
        admin.MapPut("", Put);
        admin.MapGet("/overrides", ListOverrides);
        admin.MapDelete("/overrides", DeleteOverridden);
        admin.MapPut("/order", Order);
    }

    /// <param name="all">For administrators: includes hidden models and those that cannot chat.</param>
    private static ModelList List(CurrentUser me, ModelCatalog catalog, bool all = false)
    {
        var snapshot = catalog.Current;
        var chosen = snapshot.Default(me.Id, me.IsAdmin);
        return new ModelList([.. snapshot.Models
            .Where(model => (all && me.IsAdmin) || (model is { Hidden: false, Unlisted: false } && model.MayUse(me.Id, me.IsAdmin)))
            .Select(model => View(snapshot, catalog.Resolve(model), model, ReferenceEquals(model, chosen), me.IsAdmin))]);
    }

    private static ModelView View(CatalogSnapshot snapshot, ResolvedModel resolved, CatalogModel model, bool isDefault, bool isAdmin) =>
        new()
        {
            Id = resolved.PublicId,
            ConnectionId = resolved.ConnectionId,
            Model = resolved.Model,
            Name = resolved.Name,
            Provider = resolved.Provider,
            ConnectionName = resolved.ConnectionName,
            Capabilities = resolved.Capabilities,
            CapabilitySource = model.CapabilitySource,
            ContextLimit = resolved.ContextLimit,
            MaxOutputTokens = resolved.MaxOutputTokens,
            Price = resolved.Price,
            Tags = model.Tags,
            IsDefault = isDefault,
            Hidden = isAdmin ? model.Hidden || model.Unlisted : null,
            Overridden = isAdmin ? snapshot.Override(resolved.ConnectionId, resolved.Model) is { SaysMoreThanPlace: true } : null,
            AllowedUsers = isAdmin ? model.AllowedUsers : null,
        };

    private static async Task<CatalogRefreshResponse> Refresh(ModelCatalog catalog, CatalogRefresher refresher)
    {
        var asked = catalog.Current.Connections.Where(connection => connection.Row.Enabled)
            .Select(async connection => (connection.Id, Failure: await refresher.Refresh(connection.Id))).ToList();
        var answers = await Task.WhenAll(asked);
        var snapshot = catalog.Current;
        return new CatalogRefreshResponse([.. answers.Select(answer => new RefreshedConnection(
            answer.Id, answer.Failure is null, answer.Failure?.Code, answer.Failure?.Detail,
            snapshot.Connection(answer.Id) is { } connection ? snapshot.Count(connection) : 0))]);
    }

    private static async Task<IResult> Put(
        ModelOverrideForm form, CurrentUser me, ModelCatalog catalog, CatalogRefresher refresher, Models models, TimeProvider clock)
    {
        var errors = form.Check();
        if (errors.Count == 0 && !catalog.Current.Knows(form.ConnectionId, form.Model))
        {
            // A connection that was just saved may still wait for its provider's list.
            await refresher.Refresh(form.ConnectionId);
            if (!catalog.Current.Knows(form.ConnectionId, form.Model))
            {
                errors["model"] = ["This connection has no such model."];
            }
        }

        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        var row = form.Over(catalog.Current.Override(form.ConnectionId, form.Model), form.ConnectionId);
        await models.PutOverrides([row], me.Audit("model.override", "catalog", $"{form.ConnectionId}.{form.Model}"), clock.GetUtcNow());
        await catalog.Reload();
        var snapshot = catalog.Current;
        return snapshot.Find(form.ConnectionId, form.Model) is { } model
            ? TypedResults.Ok(View(snapshot, catalog.Resolve(model), model, ReferenceEquals(model, snapshot.Default(me.Id, true)), true))
            : TypedResults.NoContent();
    }

    private static OverrideList ListOverrides(ModelCatalog catalog)
    {
        var snapshot = catalog.Current;
        return new OverrideList([.. snapshot.Overrides
            .OrderBy(row => row.ConnectionId).ThenBy(row => row.Model, StringComparer.Ordinal)
            .Select(row => View(row, snapshot.Connection(row.ConnectionId)?.Row.Name ?? ""))]);
    }

    private static OverrideView View(ModelOverrideRow row, string connectionName) => new()
    {
        ConnectionId = row.ConnectionId,
        ConnectionName = connectionName,
        Model = row.Model,
        Name = row.Name,
        Hidden = row.Hidden,
        Tags = StoredJson.Read(row.Tags, CatalogRowJson.Default.StringArray),
        Capabilities = StoredJson.Read(row.Capabilities, CatalogRowJson.Default.CapabilityLayer),
        ContextLimit = row.ContextLimit,
        MaxOutputTokens = row.MaxOutputTokens,
        Price = StoredJson.Read(row.Price, CatalogRowJson.Default.ModelPrice),
        AllowedUsers = StoredJson.Read(row.AllowedUsers, CatalogRowJson.Default.Int64Array),
        Position = row.Position,
        IsDefault = row.IsDefault ? true : null,
    };

    private static async Task<IResult> DeleteOverridden(
        [FromBody] DeleteOverrides body, CurrentUser me, ModelCatalog catalog, Models models, TimeProvider clock)
    {
        if (body.All == true == body.Items is not null || body.Items?.Count > MaxItems || body.Items?.Contains(null) == true)
        {
            return Problems.Invalid("items", $"Either all is true, or there is a list of at most {MaxItems} models.");
        }

        var entry = me.Audit(
            "model.reset", "catalog",
            body.Items is null ? "all" : string.Join(", ", body.Items.Take(50).Select(item => $"{item!.ConnectionId}.{item.Model}")));
        var deleted = body.Items is { } items
            ? await models.DeleteOverrides([.. items.Select(item => (item!.ConnectionId, item.Model))], entry, clock.GetUtcNow())
            : await models.DeleteAllOverrides(entry, clock.GetUtcNow());
        await catalog.Reload();
        return TypedResults.Ok(new DeletedResponse(deleted));
    }

    /// <summary>Puts these models of one connection first, in this order; the others follow in the provider's order.</summary>
    private static async Task<IResult> Order(ModelOrder body, CurrentUser me, ModelCatalog catalog, Models models, TimeProvider clock)
    {
        if (catalog.Current.Connection(body.ConnectionId) is null)
        {
            return Problems.Invalid("connectionId", "There is no such connection.");
        }

        if (body.Models.Count > MaxItems || body.Models.Any(model => model is not { Length: >= 1 and <= ProviderModel.MaxIdLength }))
        {
            return Problems.Invalid(
                "models", $"There are at most {MaxItems} models with an id of 1 to {ProviderModel.MaxIdLength} characters.");
        }

        string[] order = [.. body.Models.OfType<string>().Distinct(StringComparer.Ordinal)];
        var unknown = order.FirstOrDefault(model => !catalog.Current.Knows(body.ConnectionId, model));
        if (unknown is not null)
        {
            return Problems.Invalid("models", $"This connection has no model {unknown}.");
        }

        var json = JsonSerializer.Serialize(order, CatalogRowJson.Default.StringArray);
        await models.Order(
            body.ConnectionId, json, me.Audit("model.order", "catalog", $"{body.ConnectionId}: {order.Length} models"), clock.GetUtcNow());
        await catalog.Reload();
        return TypedResults.NoContent();
    }
}

internal sealed record ModelList(IReadOnlyList<ModelView> Items);

internal sealed record CatalogRefreshResponse(IReadOnlyList<RefreshedConnection> Items);

internal sealed record RefreshedConnection(long ConnectionId, bool Ok, string? Code, string? Detail, int ModelCount);

internal sealed record OverrideList(IReadOnlyList<OverrideView> Items);

internal sealed record DeletedResponse(int Deleted);

internal sealed record ModelOrder(long ConnectionId, IReadOnlyList<string?> Models);

/// <summary>A model as people see it; the last three members are for administrators only.</summary>
internal sealed record ModelView
{
    public required string Id { get; init; }

    public required long ConnectionId { get; init; }

    public required string Model { get; init; }

    public required string Name { get; init; }

    public required string Provider { get; init; }

    public required string ConnectionName { get; init; }

    public required ModelCapabilities Capabilities { get; init; }

    public required string CapabilitySource { get; init; }

    public required int ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }

    public ModelPrice? Price { get; init; }

    public required IReadOnlyList<string> Tags { get; init; }

    public required bool IsDefault { get; init; }

    public bool? Hidden { get; init; }

    public bool? Overridden { get; init; }

    public IReadOnlySet<long>? AllowedUsers { get; init; }
}

/// <summary>An override as exported; an import accepts the same.</summary>
internal sealed record OverrideView
{
    public required long ConnectionId { get; init; }

    public required string ConnectionName { get; init; }

    public required string Model { get; init; }

    public string? Name { get; init; }

    public bool? Hidden { get; init; }

    public string[]? Tags { get; init; }

    public CapabilityLayer? Capabilities { get; init; }

    public int? ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }

    public ModelPrice? Price { get; init; }

    public long[]? AllowedUsers { get; init; }

    public int? Position { get; init; }

    public bool? IsDefault { get; init; }
}
