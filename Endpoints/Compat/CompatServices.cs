namespace AiChat.Endpoints.Compat;

/// <summary>The services of this room.</summary>
internal static class CompatServices
{
    public static void AddCompat(this IServiceCollection services)
    {
        services.AddSingleton<CallStates>();
        services.AddSingleton<CompatCalls>();
        services.AddSingleton<EmbeddingCalls>();
        services.AddSingleton<MeteredCalls>();
        services.AddSingleton<TokenCounts>();
    }
}
