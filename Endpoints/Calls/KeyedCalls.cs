using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Makes the calls that are no chat. They are tried with the keys of the connection one after the other, and cut when what they need is
/// taken away; they are not repeated, because their clients do that. Safe for parallel use.
/// </summary>
internal sealed class KeyedCalls(ModelCatalog catalog, LiveCalls live, KeyRing keys, Metrics metrics)
{
    /// <param name="me">The user whose account is charged.</param>
    /// <param name="model">The model to ask.</param>
    /// <param name="ask">Makes the call. After a failure that <see cref="ProviderException.HasAnswered"/> no other key is tried.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <exception cref="ProviderException">The last key failed, or the call was cut.</exception>
    public async Task<T> Ask<T>(
        CurrentUser me, ResolvedModel model, Func<ProviderEndpoint, CancellationToken, Task<T>> ask, CancellationToken cancel)
    {
        var order = keys.Order(catalog.Endpoints(model));
        for (var at = 0; ; at++)
        {
            using var call = live.Enter(me.Id, me.IsAdmin, model, order[at], cancel);
            try
            {
                return await ask(order[at], call.Token);
            }
            catch (OperationCanceledException) when (call.CutBy is { } reason)
            {
                throw reason;
            }
            catch (ProviderException error)
            {
                metrics.ProviderFailed(error.Failure);
                error.TriedAgain = at > 0;
                if (error.IsAboutKey)
                {
                    keys.Rest(order[at], error);
                }

                if (!error.IsAboutKey || error.HasAnswered || at + 1 == order.Count)
                {
                    throw;
                }
            }
        }
    }
}
