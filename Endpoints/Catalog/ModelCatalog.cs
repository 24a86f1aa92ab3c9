using AiChat.Data.Catalog;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>
/// The models that may be used now, in memory: reading never waits for the database or a provider. Whoever writes to the
/// tables behind it calls <see cref="Reload"/> afterwards. Safe for any number of threads.
/// </summary>
internal sealed class ModelCatalog(Connections connections, Models models, ConnectionSecrets secrets, SystemSettings settings) : IHostedService, IDisposable
{
    /// <summary>The demo provider is inside this program; its address is never called.</summary>
    private static readonly Uri DemoAddress = new("http://demo.invalid");

    private readonly SemaphoreSlim _reloading = new(1);
    private volatile CatalogSnapshot _current = CatalogSnapshot.Empty;

    public CatalogSnapshot Current => _current;

    /// <summary>The tables said something new; <see cref="Current"/> knows it already. Handlers are quick and do not throw.</summary>
    public event Action? Changed;

    /// <summary>
    /// The model somebody asked for, or null when it does not exist, is switched off or is not for this user.
    /// With a connection the model is the provider's id; without one it is a public id (<c>prefix.model</c>, or bare when
    /// that is unambiguous); with neither it is the default model.
    /// </summary>
    public ResolvedModel? Resolve(long userId, bool isAdmin, long? connectionId, string? model)
    {
        var snapshot = _current;
        var found = (connectionId, model) switch
        {
            (null, null) => snapshot.Default(userId, isAdmin),
            (null, { } id) => snapshot.Find(id, userId, isAdmin),
            ({ } connection, { } id) => snapshot.Find(connection, id),
            ({ }, null) => null,
        };
        return found is not null && found.MayUse(userId, isAdmin) ? Resolve(found) : null;
    }

    /// <summary>The model, then those that the administrator lets stand in when it fails and that this user may use, in their order.</summary>
    public IReadOnlyList<ResolvedModel> WithFallbacks(long userId, bool isAdmin, ResolvedModel model) =>
    [
        model,
        .. settings.FallbackModels.Select(id => Resolve(userId, isAdmin, null, id)).OfType<ResolvedModel>()
            .Where(other => other.ConnectionId != model.ConnectionId || other.Model != model.Model),
    ];

    /// <summary>As <see cref="Resolve(long, bool, long?, string?)"/>, for whoever asks: a key may be for some models only.</summary>
    public ResolvedModel? Resolve(CurrentUser me, long? connectionId, string? model) =>
        Resolve(me.Id, me.IsAdmin, connectionId, model) is { } found && IsForKey(me, found) ? found : null;

    /// <summary>As above, for whoever asks.</summary>
    public IReadOnlyList<ResolvedModel> WithFallbacks(CurrentUser me, ResolvedModel model) =>
        [.. WithFallbacks(me.Id, me.IsAdmin, model).Where(found => IsForKey(me, found))];

    /// <summary>True without a key, and for keys that name no models.</summary>
    public static bool IsForKey(CurrentUser me, ResolvedModel model) =>
        me.KeyModels is null || StoredJson.Read(me.KeyModels, CatalogRowJson.Default.StringArray)?.Any(id => id == model.PublicId || id == model.Model) == true;

    /// <summary>Where to call for this model: one endpoint for each key of the connection, in the administrator's order; never empty.</summary>
    /// <exception cref="ProviderException">The connection is gone, or its key cannot be read on this installation.</exception>
    public IReadOnlyList<ProviderEndpoint> Endpoints(ResolvedModel model) =>
        _current.Connection(model.ConnectionId) is { } connection
            ? Endpoints(connection.Row)
            : throw new ProviderException(ProviderFailure.ModelNotFound, "The connection of this model has been removed.");

    /// <exception cref="ProviderException">The row's secrets cannot be read on this installation.</exception>
    public IReadOnlyList<ProviderEndpoint> Endpoints(ConnectionRow row) =>
        secrets.Keys(row) is { } keys && secrets.Headers(row) is { } headers
            ? Endpoints(row, row.Id, keys, headers)
            : throw new ProviderException(ProviderFailure.Unauthorized, "The saved key cannot be read on this installation. Enter it again.");

    /// <summary>Endpoints for a row with these secrets; <paramref name="pool"/> names the sockets they use.</summary>
    public static IReadOnlyList<ProviderEndpoint> Endpoints(
        ConnectionRow row, long pool, IReadOnlyList<string> keys, IReadOnlyDictionary<string, string> headers)
    {
        var endpoint = new ProviderEndpoint
        {
            ConnectionId = pool,
            Revision = row.Revision,
            Provider = row.Provider,
            BaseUrl = row.Provider == "demo" ? DemoAddress : ProviderUrl.OfRow(row.BaseUrl),
            Auth = Auth(row.AuthType),
            Headers = [.. headers],
            AzureApiVersion = row.AzureApiVersion,
            Scope = Scope(row.Local),
        };
        return keys.Count == 0 ? [endpoint] : [.. keys.Select(key => endpoint with { ApiKey = key })];
    }

    /// <summary>What a connection to an own machine or network may reach, and what others may.</summary>
    public static NetworkScope Scope(bool local) =>
        local ? NetworkScope.External | NetworkScope.Loopback | NetworkScope.Private : NetworkScope.External;

    public static ProviderAuth Auth(string type) => type switch
    {
        "api_key" => ProviderAuth.ApiKey,
        "none" => ProviderAuth.None,
        "entra" => ProviderAuth.Entra,
        _ => ProviderAuth.Bearer,
    };

    public ResolvedModel Resolve(CatalogModel model) => new()
    {
        ConnectionId = model.Connection.Id,
        Provider = model.Connection.Row.Provider,
        ConnectionName = model.Connection.Row.Name,
        Model = model.Model,
        PublicId = model.PublicId,
        Name = model.Name,
        Capabilities = model.Capabilities,
        ContextLimit = model.ContextLimit ?? settings.DefaultContextTokenLimit,
        MaxOutputTokens = model.MaxOutputTokens,
        Price = model.Price,
    };

    /// <summary>Takes over what the tables say now. Completes when readers see at least what was written before the call.</summary>
    public async Task Reload()
    {
        // One at a time, each reading after it got its turn: the newest state cannot be overtaken by an older one.
        await _reloading.WaitAsync();
        try
        {
            var rows = await connections.List();
            foreach (var row in rows)
            {
                secrets.Conceal(row);
            }

            _current = new CatalogSnapshot(rows, await models.List(), await models.ListOverrides());
            Changed?.Invoke();
        }
        finally
        {
            _reloading.Release();
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Reload();

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _reloading.Dispose();
}
