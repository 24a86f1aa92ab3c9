using AiChat.Data.Catalog;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Catalog;

/// <summary>Imports model overrides from an export, with a preview.</summary>
internal static class ModelImportEndpoints
{
    public static void MapModelImport(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/catalog/models/overrides/import").Allow(Access.Admin);
        group.MapPost("", Import);
        group.MapPost("/preview", Preview);
    }

    /// <summary>Applies an export. One invalid line refuses the whole import.</summary>
    private static async Task<IResult> Import(ImportOverrides body, CurrentUser me, ModelCatalog catalog, Models models, TimeProvider clock)
    {
        if (Invalid(body) is { } invalid)
        {
            return invalid;
        }

        var snapshot = catalog.Current;
        var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
        List<ModelOverrideRow> rows = [];
        foreach (var (at, form) in body.Items.OfType<ModelOverrideForm>().Index())
        {
            foreach (var (field, rules) in form.Check())
            {
                errors[$"items[{at}].{field}"] = rules;
            }

            if (Connection(snapshot, form) is { } connection)
            {
                rows.Add(form.Over(snapshot.Override(connection.Id, form.Model), connection.Id));
            }
            else
            {
                errors[$"items[{at}].connectionId"] = ["There is no such connection."];
            }
        }

        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        await models.PutOverrides(rows, me.Audit("model.import", "catalog", $"{rows.Count} models"), clock.GetUtcNow());
        await catalog.Reload();
        return TypedResults.Ok(new ImportedResponse(rows.Count));
    }

    /// <summary>Says line by line what an import would do; changes nothing.</summary>
    private static IResult Preview(ImportOverrides body, ModelCatalog catalog) => Invalid(body)
        ?? (IResult)TypedResults.Ok(new ImportPreview(
            [.. body.Items.OfType<ModelOverrideForm>().Select(form => Line(catalog.Current, form))]));

    private static ImportPreviewItem Line(CatalogSnapshot snapshot, ModelOverrideForm form)
    {
        var connection = Connection(snapshot, form);
        var item = new ImportPreviewItem(form.Model, connection?.Row.Name ?? form.ConnectionName, "unknown", []);
        if (form.Check() is { Count: > 0 } errors)
        {
            return item with { Outcome = "invalid", Fields = [.. errors.Keys] };
        }

        if (connection is null)
        {
            return item;
        }

        var old = snapshot.Override(connection.Id, form.Model);
        var fields = form.Over(old, connection.Id).Differences(old ?? new ModelOverrideRow());
        return item with
        {
            Outcome = fields.Count == 0 ? "same" : old is null ? "added" : "changed",
            Fields = fields,
            Listed = snapshot.Find(connection.Id, form.Model) is not null,
        };
    }

    private static Problem? Invalid(ImportOverrides body) => body.Items.Count > ModelOverrideForm.MaxCount || body.Items.Contains(null)
        ? Problems.Invalid("items", $"There are at most {ModelOverrideForm.MaxCount} models, none of them null.")
        : null;

    private static CatalogConnection? Connection(CatalogSnapshot snapshot, ModelOverrideForm form)
    {
        if (snapshot.Connection(form.ConnectionId) is { } same && (form.ConnectionName is null || form.ConnectionName == same.Row.Name))
        {
            return same;
        }

        var named = snapshot.Connections.Where(connection => connection.Row.Name == form.ConnectionName).Take(2).ToList();
        return named.Count == 1 ? named[0] : null;
    }
}

internal sealed record ImportOverrides(IReadOnlyList<ModelOverrideForm?> Items);

internal sealed record ImportedResponse(int Imported);

/// <summary>One item for each line of the import, in its order.</summary>
internal sealed record ImportPreview(IReadOnlyList<ImportPreviewItem> Items);

/// <param name="Outcome">added, changed, same, unknown (there is no such connection) or invalid.</param>
/// <param name="Fields">The fields that would change, or that are invalid.</param>
/// <param name="Listed">The connection offers this model now; otherwise the override applies once it does.</param>
internal sealed record ImportPreviewItem(
    string Model, string? ConnectionName, string Outcome, IReadOnlyList<string> Fields, bool Listed = false);
