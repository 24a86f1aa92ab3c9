using AiChat.Data;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Images;

namespace AiChat.Endpoints.Nodes;

/// <summary>Sees at start that this process keeps images where the others on the database do; else it ends.</summary>
internal sealed class NodeImages(ImageHome images, NodeStore nodes, ServerOptions options) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (nodes.IsAlone || options.ForCommand)
        {
            return;
        }

        try
        {
            await images.Share();
        }
        catch (StartupException)
        {
            await nodes.Leave();
            throw;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
