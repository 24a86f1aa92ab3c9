namespace AiChat.Endpoints.Reference;

/// <summary>The services of this room.</summary>
internal static class ReferenceServices
{
    public static void AddReference(this IServiceCollection services)
    {
        services.AddSingleton<ReferenceConnections>();
        services.AddSingleton<ReferenceSettings>();
        services.AddSingleton<ReferenceTraces>();
    }
}
