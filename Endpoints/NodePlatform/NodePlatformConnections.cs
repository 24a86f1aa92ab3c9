using System.Text.Json;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>Takes over connections, each once, with their keys sealed by the key of this installation.</summary>
internal sealed class NodePlatformConnections(
    Connections connections, Models models, ModelCatalog catalog, CatalogRefresher refresher, ConnectionSecrets secrets,
    ProviderRegistry providers, NodePlatformStore store, BackgroundWork background, ServerOptions options, TimeProvider clock)
{
    private const string Kind = "connection";

    public async Task<Outcome[]> Take(ConnectionsRequest request, CurrentUser me)
    {
        var outcomes = new List<Outcome>();
        foreach (var connection in request.Connections)
        {
            outcomes.Add(await Take(connection, request.DryRun, me));
            await catalog.Reload();
        }

        return [.. outcomes];
    }

    private async Task<Outcome> Take(NodePlatformConnection source, bool dryRun, CurrentUser me)
    {
        if (await store.Find(Kind, source.Key) is { } known)
        {
            var here = known.Id is { } id ? catalog.Current.Connection(id)?.Row : null;
            var state = here is null ? "deleted" : !IsLocked(here, source) ? "present"
                : source.LostKey ? "locked" : await Open(here, source, dryRun, me) ? "opened" : "present";
            return new Outcome(source.Key, state, here?.Id, here?.Name);
        }

        var draft = ConnectionDraft.Merge(source.Form, null, secrets, providers);
        if (draft.Errors.Count > 0)
        {
            var why = string.Join(" ", draft.Errors.SelectMany(error => error.Value));
            return new Outcome(source.Key, "skipped", Name: draft.Row.Name, Why: why);
        }

        var same = Same(draft.Row, source.Form.Key);
        if (dryRun)
        {
            return new Outcome(source.Key, same is null ? "added" : "present", same?.Id, same?.Name ?? draft.Row.Name);
        }

        if (same is not null)
        {
            await store.Add(Kind, source.Key, same.Id);
            return new Outcome(source.Key, "present", same.Id, same.Name);
        }

        var now = clock.GetUtcNow();
        var name = "";
        var added = await connections.Insert(draft.Row, row => Entry(me, name = row.Name, row), now);
        await store.Add(Kind, source.Key, added);
        if (source.LostKey)
        {
            var failure = new CheckFailure("invalid_key", "Its key could not be opened when it was imported. Enter it again.");
            await connections.KeepCheck(added, 1, null, JsonSerializer.Serialize(failure, CatalogRowJson.Default.CheckFailure), now);
        }

        if (source.Models.Length > 0)
        {
            await models.PutOverrides([.. source.Models.Select(model => Override(added, model))], me.Audit(
                "models.import", $"connection:{added}", $"{source.Models.Length} overrides"), now);
        }

        await catalog.Reload();
        if (!options.ForCommand && !source.LostKey)
        {
            background.Forget("listing an imported connection's models", refresher.Refresh(added));
        }

        return new Outcome(source.Key, "added", added, name);
    }

    /// <summary>An earlier import could not open its key. One that was moved or given a key here since stays as it is.</summary>
    private bool IsLocked(ConnectionRow here, NodePlatformConnection source)
    {
        if (!(source.LostKey || source.Form.Key is { Length: > 0 }) || secrets.Keys(here) is not { Count: 0 })
        {
            return false;
        }

        var there = ConnectionDraft.Merge(source.Form, null, secrets, providers).Row;
        return (there.Provider, there.BaseUrl, there.AuthType) == (here.Provider, here.BaseUrl, here.AuthType);
    }

    /// <summary>Gives it the key.</summary>
    private async Task<bool> Open(ConnectionRow here, NodePlatformConnection source, bool dryRun, CurrentUser me)
    {
        if (dryRun)
        {
            return true;
        }

        var now = clock.GetUtcNow();
        if (!await connections.Update(secrets.WithKeys(here, [source.Form.Key!]), row => Entry(me, here.Name, row), now))
        {
            return false; // somebody changes it this moment
        }

        await connections.KeepCheck(here.Id, here.Revision + 1, null, null, now); // the note that its key is missing
        await catalog.Reload();
        if (!options.ForCommand)
        {
            background.Forget("listing an imported connection's models", refresher.Refresh(here.Id));
        }

        return true;
    }

    /// <summary>The connection that was made here by hand: the same address, prefix and key.</summary>
    private ConnectionRow? Same(ConnectionRow draft, string? key) => catalog.Current.Connections.Select(one => one.Row).FirstOrDefault(
        row => row.Provider == draft.Provider && row.BaseUrl == draft.BaseUrl && row.Prefix == draft.Prefix
            && secrets.Keys(row) is { } keys && (string.IsNullOrEmpty(key) ? keys.Count == 0 : keys.Contains(key)));

    private static ModelOverrideRow Override(long connectionId, NodePlatformModel model) => new()
    {
        ConnectionId = connectionId,
        Model = model.Model,
        Tags = model.Tags is { Length: > 0 } tags ? JsonSerializer.Serialize(tags, CatalogRowJson.Default.StringArray) : null,
        Capabilities = model.Capabilities is { IsSilent: false } layer
            ? JsonSerializer.Serialize(layer, CatalogRowJson.Default.CapabilityLayer) : null,
        ContextLimit = model.ContextLimit,
        MaxOutputTokens = model.MaxOutputTokens,
    };

    private static AuditEntry Entry(CurrentUser me, string name, ConnectionRow row) => me.Audit(
        "connection.import", "connection:",
        $"{name}, {row.Provider}, {row.BaseUrl}, {(row.Local ? "local" : "external")}, keys {row.KeyHints}");
}
