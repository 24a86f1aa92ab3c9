using AiChat.Data;
using AiChat.Data.Nodes;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Nodes;

/// <summary>
/// Holds back the answer to a request that has changed what others keep in memory until they have taken it over, so that the next request
/// finds it, whichever process a balancer sends it to. One that does not answer in time reads it later by itself.
/// </summary>
internal sealed class NodeCatchUp(NodeStore nodes, NodeCalls calls, TimeProvider clock)
{
    /// <summary>So often each reads by itself.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <summary>Never throws: what was asked for is done.</summary>
    public async Task Wait()
    {
        try
        {
            using var limit = new CancellationTokenSource(Limit, clock);
            var others = (await nodes.Others()).FindAll(node => node is { Address: not null, Draining: false } && !node.IsLate);
            await Task.WhenAll(others.Select(node => calls.CatchUp(node.Address!, limit.Token)));
        }
        catch (Exception error) when (error is StoreException or ProviderException or OperationCanceledException)
        {
            // It reads by itself.
        }
    }
}

internal static class NodeCatchUpExtensions
{
    /// <summary>Not where this process is alone.</summary>
    public static void UseNodeCatchUp(this WebApplication app)
    {
        if (app.Services.GetService<NodeLink>() is not { } link)
        {
            return;
        }

        var catchUp = app.Services.GetRequiredService<NodeCatchUp>();
        app.Use((context, next) =>
        {
            if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            {
                var told = link.Told; // what another request tells meanwhile is waited for too, which is soon over
                context.Response.OnStarting(() => link.Told == told ? Task.CompletedTask : catchUp.Wait());
            }

            return next(context);
        });
    }
}
