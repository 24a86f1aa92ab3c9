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

    /// <summary>Requests take their services from the process: all live as long as it, so that no request needs a scope.</summary>
    public static void UseServicesOfProcess(this WebApplication app) => app.Use((context, next) =>
    {
        context.RequestServices = app.Services;
        return next(context);
    });
}
