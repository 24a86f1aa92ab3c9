namespace AiChat.Endpoints.Compat;

internal static class CompatServices
{
    public static void AddCompat(this IServiceCollection services)
    {
        services.AddSingleton<CallStates>();
        services.AddSingleton<CompatCalls>();
        services.AddSingleton<EmbeddingCalls>();
    }
}
