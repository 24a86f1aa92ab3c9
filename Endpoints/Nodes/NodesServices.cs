namespace AiChat.Endpoints.Nodes;

/// <summary>The services of this room.</summary>
internal static class NodesServices
{
    public static void AddNodes(this IServiceCollection services)
    {
        services.AddSingleton<NodeSigner>();
        services.AddSingleton<NodeCalls>();
        services.AddSingleton<NodeCatchUp>();
        services.AddSingleton<NodeWatch>();
        services.AddHostedService<NodeImages>();
    }
}
