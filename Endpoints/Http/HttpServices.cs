namespace AiChat.Endpoints.Http;

internal static class HttpServices
{
    public static void AddHttp(this IServiceCollection services)
    {
        services.AddSingleton<BackgroundWork>();
        services.AddSingleton<BasePath>();
        services.AddSingleton<ClientAddress>();
        services.AddSingleton<Readiness>();
        services.AddSingleton<Metrics>();
        services.AddSingleton<Notices>();
    }
}
