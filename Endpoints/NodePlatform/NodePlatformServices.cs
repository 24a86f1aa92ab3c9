namespace AiChat.Endpoints.NodePlatform;

/// <summary>The services of this room.</summary>
internal static class NodePlatformServices
{
    public static void AddNodePlatform(this IServiceCollection services)
    {
        services.AddSingleton<NodePlatformConnections>();
        services.AddSingleton<NodePlatformSettings>();
        services.AddSingleton<NodePlatformTraces>();
    }
}
