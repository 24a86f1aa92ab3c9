using System.Collections.Concurrent;
using AiChat.Endpoints.Catalog;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// The provider calls under way, from the chat and from the compatible API. A call is cut as soon as its connection, key, model or user
/// is taken away. Safe for any number of threads.
/// </summary>
internal sealed class LiveCalls : IDisposable
{
    private readonly ModelCatalog _catalog;
    private readonly ConcurrentDictionary<LiveCall, bool> _calls = new();

    public LiveCalls(ModelCatalog catalog)
    {
        _catalog = catalog;
        _catalog.Changed += Check;
    }

    /// <summary>Registers a call until it is disposed.</summary>
    /// <param name="userId">The user whose account is charged.</param>
    /// <param name="isAdmin">Whether that user may use every model.</param>
    /// <param name="model">The model that is asked.</param>
    /// <param name="endpoint">The address and the key.</param>
    /// <param name="cancel">Cancels the call as well.</param>
    public LiveCall Enter(long userId, bool isAdmin, ResolvedModel model, ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var call = new LiveCall(userId, isAdmin, model, endpoint, left => _calls.TryRemove(left, out _), cancel);

        // Registered first, checked second: a change in between is seen by this check or by the one that the change starts.
        _calls[call] = true;
        Check(call);
        return call;
    }

    /// <summary>Cuts all calls of a user whose account was closed.</summary>
    public void CutUser(long userId)
    {
        foreach (var call in _calls.Keys.Where(call => call.UserId == userId))
        {
            call.Cut(ProviderFailure.Blocked, "The account was closed while the model answered.");
        }
    }

    /// <summary>The user is no longer an administrator; cuts the calls to models that only administrators may use.</summary>
    public void Demoted(long userId)
    {
        foreach (var call in _calls.Keys.Where(call => call.UserId == userId))
        {
            call.IsAdmin = false;
            Check(call);
        }
    }

    public void Dispose() => _catalog.Changed -= Check;

    private void Check()
    {
        foreach (var call in _calls.Keys)
        {
            Check(call);
        }
    }

    private void Check(LiveCall call)
    {
        var snapshot = _catalog.Current;
        if (snapshot.Connection(call.Model.ConnectionId) is not { Row.Enabled: true } connection)
        {
            call.Cut(ProviderFailure.ModelNotFound, "The connection of this model was removed or switched off.");
        }
        else if (connection.Row.Revision != call.Endpoint.Revision && !Has(connection, call.Endpoint))
        {
            call.Cut(ProviderFailure.Unauthorized, "The address or the key of this connection was changed.");
        }
        else if (!MayUse(snapshot, connection, call))
        {
            call.Cut(ProviderFailure.ModelNotFound, "The model was taken away.");
        }
    }

    private bool Has(CatalogConnection connection, ProviderEndpoint used)
    {
        try
        {
            return _catalog.Endpoints(connection.Row).Any(endpoint =>
                endpoint.ApiKey == used.ApiKey && endpoint.BaseUrl == used.BaseUrl
                && endpoint.Auth == used.Auth && endpoint.Scope == used.Scope);
        }
        catch (ProviderException)
        {
            return false; // the keys of the connection can no longer be read
        }
    }

    // A provider may change its list of models while it answers; only the administrator's choice ends a call.
    private static bool MayUse(CatalogSnapshot snapshot, CatalogConnection connection, LiveCall call) =>
        snapshot.Find(connection.Id, call.Model.Model) is { } model
            ? model.MayUse(call.UserId, call.IsAdmin)
            : connection.ModelIds.Count == 0 || connection.ModelIds.Contains(call.Model.Model);
}

/// <summary>One provider call under way. Dispose it when it has ended.</summary>
internal sealed class LiveCall(
    long userId, bool isAdmin, ResolvedModel model, ProviderEndpoint endpoint, Action<LiveCall> leave, CancellationToken cancel)
    : IDisposable
{
    private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
    private volatile bool _isAdmin = isAdmin;
    private ProviderException? _cutBy;

    public long UserId => userId;

    public ResolvedModel Model => model;

    public ProviderEndpoint Endpoint => endpoint;

    public bool IsAdmin
    {
        get => _isAdmin;
        set => _isAdmin = value;
    }

    public CancellationToken Token => _end.Token;

    /// <summary>Why the call was cut; null unless <see cref="Cut"/> ended it.</summary>
    public ProviderException? CutBy => Volatile.Read(ref _cutBy);

    public void Cut(ProviderFailure failure, string detail)
    {
        var reason = new ProviderException(failure, detail) { HasAnswered = true };
        if (Interlocked.CompareExchange(ref _cutBy, reason, null) is null)
        {
            Cancel();
        }
    }

    public void Cancel()
    {
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The call has just ended by itself.
        }
    }

    public void Dispose()
    {
        leave(this);
        _end.Dispose();
    }
}
