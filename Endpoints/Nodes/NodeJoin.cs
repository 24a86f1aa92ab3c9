using AiChat.Data.Nodes;

namespace AiChat.Endpoints.Nodes;

/// <summary>Enters this process among those on the database; a command that runs beside them does not.</summary>
internal sealed class NodeJoin(NodeLink link, ServerOptions options) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) =>
        options.ForCommand ? Task.CompletedTask : link.Join().WaitAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
