using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>The administrator's connections to model providers. Keys and header values go in, never out.</summary>
internal static class ConnectionEndpoints
{
    private const int MaxConnections = 200;

    /// <summary>How long saving waits for the provider's models; a slower list appears later.</summary>
    private static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(5);

    public static void MapConnections(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/connections").Allow(Access.Admin);
        group.MapGet("", List);
        group.MapPost("", Create);
        group.MapPost("/verify", Verify);
        group.MapPut("/{id:long}", Update);
        group.MapDelete("/{id:long}", Delete);
        group.MapPost("/{id:long}/refresh", Refresh);
    }

    private static ConnectionList List(ModelCatalog catalog, ProviderRegistry providers)
    {
        var snapshot = catalog.Current;
        return new ConnectionList(
            [.. snapshot.Connections.Select(connection => View(snapshot, connection))], null,
            [.. providers.Kinds.Order(StringComparer.Ordinal)]);
    }

    private static async Task<IResult> Create(
        ConnectionForm form, CurrentUser me, ModelCatalog catalog, CatalogRefresher refresher, ConnectionSecrets secrets,
        ProviderRegistry providers, Connections connections, TimeProvider clock)
    {
        if (catalog.Current.Connections.Count >= MaxConnections)
        {
            return Problems.Conflict("too_many_connections", $"There are at most {MaxConnections} connections.");
        }

        var draft = ConnectionDraft.Merge(form, null, secrets, providers);
        if (draft.Errors.Count > 0)
        {
            return Problems.Invalid(draft.Errors);
        }

        var id = await connections.Insert(draft.Row, row => Entry(me, "connection.create", null, row), clock.GetUtcNow());
        await catalog.Reload();
        await refresher.RefreshFor(id, Courtesy);
        return View(catalog.Current, id) is { } view ? TypedResults.Created($"/api/connections/{id}", view) : Problems.NotFound();
    }

    private static async Task<IResult> Update(
        long id, ConnectionForm form, CurrentUser me, ModelCatalog catalog, CatalogRefresher refresher, ConnectionSecrets secrets,
        ProviderRegistry providers, Connections connections, TimeProvider clock)
    {
        if (catalog.Current.Connection(id) is not { } old)
        {
            return Problems.NotFound();
        }

        var draft = ConnectionDraft.Merge(form, old.Row, secrets, providers);
        if (draft.Errors.Count > 0)
        {
            return Problems.Invalid(draft.Errors);
        }

        if (!await connections.Update(draft.Row, row => Entry(me, "connection.update", id, row), clock.GetUtcNow()))
        {
            await catalog.Reload();
            return catalog.Current.Connection(id) is null
                ? Problems.NotFound()
                : Problems.Conflict("connection_changed", "Somebody else changed this connection. Load it again.");
        }

        await catalog.Reload();
        await refresher.RefreshFor(id, Courtesy);
        return View(catalog.Current, id) is { } view ? TypedResults.Ok(view) : Problems.NotFound();
    }

    private static async Task<IResult> Delete(long id, CurrentUser me, ModelCatalog catalog, Connections connections, TimeProvider clock)
    {
        if (!await connections.Delete(id, Entry(me, "connection.delete", id, catalog.Current.Connection(id)?.Row), clock.GetUtcNow()))
        {
            return Problems.NotFound();
        }

        await catalog.Reload();
        return TypedResults.NoContent();
    }

    private static async Task<IResult> Refresh(long id, ModelCatalog catalog, CatalogRefresher refresher)
    {
        await refresher.Refresh(id);
        return View(catalog.Current, id) is { } view ? TypedResults.Ok(view) : Problems.NotFound();
    }

    /// <summary>Lists the provider's models with the form's values and saves nothing.</summary>
    private static async Task<IResult> Verify(
        ConnectionForm form, ModelCatalog catalog, CatalogRefresher refresher, ConnectionSecrets secrets, ProviderRegistry providers,
        CancellationToken cancel)
    {
        var old = form.Id is { } id ? catalog.Current.Connection(id)?.Row : null;
        if (form.Id is not null && old is null)
        {
            return Problems.NotFound();
        }

        var draft = ConnectionDraft.Merge(form, old, secrets, providers);
        if (draft.Errors.Count > 0)
        {
            return Problems.Invalid(draft.Errors);
        }

        if (secrets.Keys(draft.Row) is not { } keys || secrets.Headers(draft.Row) is not { } headers)
        {
            return TypedResults.Ok(new VerifyResponse(
                false, ProviderFailure.Unauthorized.Code(), "The saved key cannot be read on this installation. Enter it again."));
        }

        var same = Same(draft.Row, keys, headers, catalog.Current, secrets);

        // Negative ids keep the sockets of a check apart from those of saved connections, one pool per scope.
        var endpoints = catalog.Endpoints(draft.Row, -(long)ModelCatalog.Scope(draft.Row.Local), keys, headers);
        try
        {
            var found = await refresher.List(endpoints, cancel);
            var models = found.Select(model => new VerifiedModel(model.Id, model.Name ?? model.Id));
            return TypedResults.Ok(new VerifyResponse(
                true, Models: [.. models], SameAs: same, Report: ConnectionCheck.Success(endpoints[0], isKeyProven: true)));
        }
        catch (ProviderException error) when (CatalogRefresher.IsWithoutList(draft.Row, error))
        {
            var models = new CatalogConnection(draft.Row).ModelIds.Select(model => new VerifiedModel(model, model));
            // Models entered by hand hide a wrong address, too: one that lists models is offered.
            var better = await Better(refresher, endpoints, cancel);
            return TypedResults.Ok(new VerifyResponse(
                true, "provider_lists_no_models", "The provider lists no models, so the key could not be checked.", [.. models], same,
                ConnectionCheck.Success(endpoints[0], isKeyProven: false), better?.AbsoluteUri.TrimEnd('/')));
        }
        catch (ProviderException error)
        {
            var report = ConnectionCheck.Failure(endpoints[0], error);
            var better = report.Hop is "path" or "models" ? await Better(refresher, endpoints, cancel) : null;
            var detail = better is null ? error.Detail : $"{error.Detail} {better} answers: use it as the base URL.";
            return TypedResults.Ok(new VerifyResponse(
                false, error.Failure.Code(), detail, Report: report, BaseUrl: better?.AbsoluteUri.TrimEnd('/')));
        }
    }

    /// <summary>The address at the same origin that lists models, where the one that was entered does not; null when none does.</summary>
    private static async Task<Uri?> Better(
        CatalogRefresher refresher, IReadOnlyList<ProviderEndpoint> endpoints, CancellationToken cancel)
    {
        foreach (var address in LikelyAddresses.For(endpoints[0].BaseUrl, endpoints[0].Provider))
        {
            try
            {
                await refresher.List([.. endpoints.Select(endpoint => endpoint with { BaseUrl = address })], cancel);
                return address;
            }
            catch (ProviderException error) when (error.Failure == ProviderFailure.Unauthorized)
            {
                return address; // it is the API, and wants another key
            }
            catch (ProviderException)
            {
                // Not this one either.
            }
        }

        return null;
    }

    /// <summary>The saved connection with the same address and credentials; null when there is none.</summary>
    private static long? Same(
        ConnectionRow row, IReadOnlyList<string> keys, IReadOnlyDictionary<string, string> headers, CatalogSnapshot snapshot,
        ConnectionSecrets secrets)
    {
        bool HasKeys(ConnectionRow saved) => secrets.Keys(saved) is { } own && own.Count == keys.Count && keys.All(own.Contains);
        bool HasHeaders(ConnectionRow saved) => secrets.Headers(saved) is { } own && own.Count == headers.Count
            && headers.All(header => own.GetValueOrDefault(header.Key) == header.Value);

        return snapshot.Connections
            .Where(one => one.Id != row.Id && one.Row.Provider == row.Provider && one.Row.BaseUrl == row.BaseUrl
                && one.Row.AuthType == row.AuthType && HasKeys(one.Row) && HasHeaders(one.Row))
            .OrderBy(one => !one.Row.Enabled)
            .ThenBy(one => one.Id)
            .Select(one => (long?)one.Id)
            .FirstOrDefault();
    }

    /// <summary>The audit entry: the connection as it is now, without its secrets.</summary>
    private static AuditEntry Entry(CurrentUser me, string action, long? id, ConnectionRow? row) => me.Audit(
        action, $"connection:{id}",
        row is null ? null
            : $"{row.Name}, {row.Provider}, {row.BaseUrl}, {row.AuthType}, {(row.Enabled ? "on" : "off")}, " +
              $"{(row.Local ? "local" : "external")}, keys {row.KeyHints}, headers {row.HeaderNames}, " +
              $"proxy {row.Proxy}{(row.CaPem is null ? "" : ", own authority")}");

    private static ConnectionView? View(CatalogSnapshot snapshot, long id) =>
        snapshot.Connection(id) is { } connection ? View(snapshot, connection) : null;

    private static ConnectionView View(CatalogSnapshot snapshot, CatalogConnection connection)
    {
        var row = connection.Row;
        var hints = StoredJson.Read(row.KeyHints, CatalogRowJson.Default.StringArray) ?? [];
        var names = StoredJson.Read(row.HeaderNames, CatalogRowJson.Default.StringArray) ?? [];
        var failure = StoredJson.Read(row.LastError, CatalogRowJson.Default.CheckFailure);
        return new ConnectionView
        {
            Id = row.Id,
            Name = row.Name,
            Provider = row.Provider,
            BaseUrl = row.BaseUrl,
            AuthType = row.AuthType,
            HasKey = row.SecretKeys is not null,
            KeyHint = hints.FirstOrDefault(),
            Keys = hints,
            Headers = names.ToDictionary(name => name, _ => ConnectionDraft.Mask),
            AzureApiVersion = row.AzureApiVersion,
            Prefix = row.Prefix,
            Tags = connection.Tags,
            ModelIds = connection.ModelIds,
            DefaultCapabilities = connection.Capabilities,
            Local = row.Local,
            Proxy = row.Proxy,
            CaPem = row.CaPem,
            Enabled = row.Enabled,
            Position = row.Position,
            ModelCount = snapshot.Count(connection),
            LastCheckedAt = row.LastCheckedAt is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null,
            LastError = failure?.Detail,
            LastErrorCode = failure?.Code,
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
            UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt),
        };
    }
}

/// <param name="Providers">The kinds of provider this build supports.</param>
public sealed record ConnectionList(IReadOnlyList<ConnectionView> Items, string? NextCursor, IReadOnlyList<string> Providers);

/// <param name="SameAs">The saved connection with this address and these keys, when there is one.</param>
/// <param name="Report">How far the test came; null when nothing was asked.</param>
/// <param name="BaseUrl">The address that answers instead of the one that was entered.</param>
public sealed record VerifyResponse(
    bool Ok, string? Code = null, string? Detail = null, IReadOnlyList<VerifiedModel>? Models = null, long? SameAs = null,
    CheckReport? Report = null, string? BaseUrl = null);

public sealed record VerifiedModel(string Id, string Name);

/// <summary>A connection as administrators see it: keys by their last characters, header values not at all.</summary>
public sealed record ConnectionView
{
    public required long Id { get; init; }

    public required string Name { get; init; }

    public required string Provider { get; init; }

    public required string BaseUrl { get; init; }

    public required string AuthType { get; init; }

    public required bool HasKey { get; init; }

    public string? KeyHint { get; init; }

    public required IReadOnlyList<string> Keys { get; init; }

    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public string? AzureApiVersion { get; init; }

    public string? Prefix { get; init; }

    public required IReadOnlyList<string> Tags { get; init; }

    public required IReadOnlyList<string> ModelIds { get; init; }

    public required CapabilityLayer DefaultCapabilities { get; init; }

    public required bool Local { get; init; }

    /// <summary><c>inherit</c>, <c>none</c> or the address of its own proxy, with the password masked.</summary>
    public required string Proxy { get; init; }

    public string? CaPem { get; init; }

    public required bool Enabled { get; init; }

    public required int Position { get; init; }

    public required int ModelCount { get; init; }

    public DateTimeOffset? LastCheckedAt { get; init; }

    public string? LastError { get; init; }

    public string? LastErrorCode { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}
