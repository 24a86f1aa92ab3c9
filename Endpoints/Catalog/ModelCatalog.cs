using AiChat.Data.Catalog;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Ollama;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>
/// The models that may be used now, in memory: reading never waits for the database or a provider. Code that writes to its tables
/// calls <see cref="Reload"/> afterwards. Safe for any number of threads.
/// </summary>
internal sealed class ModelCatalog(
    Connections connections, Models models, ConnectionSecrets secrets, SystemSettings settings, Outbound outbound)
    : IHostedService, IDisposable
{
    /// <summary>The demo provider is built in; its address is never called.</summary>
    private static readonly Uri DemoAddress = new("http://demo.invalid");

    private readonly SemaphoreSlim _reloading = new(1);
    private volatile CatalogSnapshot _current = CatalogSnapshot.Empty;

    public CatalogSnapshot Current => _current;

    /// <summary>Raised after a reload, when <see cref="Current"/> is already new. Handlers are quick and do not throw.</summary>
    public event Action? Changed;

    /// <summary>
    /// The requested model, or null when it does not exist, is switched off or is not for this user. With a connection the model is the
    /// provider's id; without one it is a public id (<c>prefix.model</c>, or bare when that is unambiguous); with neither it is the
    /// default model.
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

    /// <summary>The model, then the administrator's fallback models that this user may use, in their order.</summary>
    public IReadOnlyList<ResolvedModel> WithFallbacks(long userId, bool isAdmin, ResolvedModel model) =>
    [
        model,
        .. settings.FallbackModels.Select(id => Resolve(userId, isAdmin, null, id)).OfType<ResolvedModel>()
            .Where(other => other.ConnectionId != model.ConnectionId || other.Model != model.Model),
    ];

    /// <summary>As <see cref="Resolve(long, bool, long?, string?)"/>, for the caller: an API key may be limited to some models.</summary>
    public ResolvedModel? Resolve(CurrentUser me, long? connectionId, string? model) =>
        Resolve(me.Id, me.IsAdmin, connectionId, model) is { } found && IsForKey(me, found) ? found : null;

    /// <summary>As above, for the caller.</summary>
    public IReadOnlyList<ResolvedModel> WithFallbacks(CurrentUser me, ResolvedModel model) =>
        [.. WithFallbacks(me.Id, me.IsAdmin, model).Where(found => IsForKey(me, found))];

    /// <summary>True without an API key and for keys that are not limited to some models.</summary>
    public static bool IsForKey(CurrentUser me, ResolvedModel model) =>
        me.KeyModels is null
        || StoredJson.Read(me.KeyModels, CatalogRowJson.Default.StringArray)?.Any(id => id == model.PublicId || id == model.Model) == true;

    /// <summary>The endpoints of this model: one for each key of its connection, in the administrator's order; never empty.</summary>
    /// <exception cref="ProviderException">The connection is gone, or its key cannot be read on this installation.</exception>
    public IReadOnlyList<ProviderEndpoint> Endpoints(ResolvedModel model) =>
        _current.Connection(model.ConnectionId) is { } connection
            ? Endpoints(connection.Row)
            : throw new ProviderException(ProviderFailure.ModelNotFound, "The connection of this model has been removed.");

    /// <exception cref="ProviderException">The row's secrets cannot be read on this installation.</exception>
    public IReadOnlyList<ProviderEndpoint> Endpoints(ConnectionRow row) =>
        secrets.Keys(row) is { } keys && secrets.Headers(row) is { } headers
            ? Endpoints(row, row.Id, keys, headers)
            : throw new ProviderException(
                ProviderFailure.Unauthorized, "The saved key cannot be read on this installation. Enter it again.");

    /// <summary>Endpoints for a row with these secrets; <paramref name="pool"/> names the sockets they use.</summary>
    public IReadOnlyList<ProviderEndpoint> Endpoints(
        ConnectionRow row, long pool, IReadOnlyList<string> keys, IReadOnlyDictionary<string, string> headers)
    {
        var endpoint = new ProviderEndpoint
        {
            ConnectionId = pool,
            Revision = row.Revision,
            Provider = row.Provider,
            BaseUrl = row.Provider == "demo" ? DemoAddress : ProviderUrl.FromRow(row.BaseUrl),
            Auth = Auth(row.AuthType),
            Headers = [.. headers],
            AzureApiVersion = row.AzureApiVersion,
            Scope = Scope(row.Local),
            Proxies = outbound.RouteOf(secrets.Proxy(row)),
            CaPem = row.CaPem,
        };
        return keys.Count == 0 ? [endpoint] : [.. keys.Select(key => endpoint with { ApiKey = key })];
    }

    /// <summary>The addresses a connection may reach: a local one this machine and private networks too.</summary>
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
        ContextLimit = model.ContextLimit ?? LimitOfUnknown(model.Connection.Row.Provider),
        MaxOutputTokens = model.MaxOutputTokens,
        Price = model.Price,
    };

    private int LimitOfUnknown(string provider) => provider == "ollama" && !settings.IsChosen(SettingTable.DefaultContextTokenLimit)
        ? OllamaProvider.MaxUnasked : settings.DefaultContextTokenLimit;

    /// <summary>Keeps what a provider said its model reads at most, for this and every later prompt.</summary>
    public async Task Learn(ResolvedModel model, int contextLimit)
    {
        await models.Learn(new LearnedLimitRow { ConnectionId = model.ConnectionId, Model = model.Model, ContextLimit = contextLimit });
        await Reload();
    }

    /// <summary>Reads the tables again. Completes when readers see at least what was written before the call.</summary>
    public async Task Reload()
    {
        // One reload at a time, and each reads after it has the lock: an older state cannot replace a newer one.
        await _reloading.WaitAsync();
        try
        {
            var rows = await connections.List();
            foreach (var row in rows)
            {
                secrets.Conceal(row);
            }

            _current = new CatalogSnapshot(
                rows, await models.List(), await models.ListOverrides(), await models.ListLearned());
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
