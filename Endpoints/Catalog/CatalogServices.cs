using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Catalog;

/// <summary>Settings, connections and models. They open secrets, so the accounts' part starts before.</summary>
internal static class CatalogServices
{
    public static void AddCatalog(this IServiceCollection services)
    {
        services.AddSingleton<Redactor>();
        services.AddSingleton<SystemSettings>();
        services.AddHostedService(provider => provider.GetRequiredService<SystemSettings>());
        services.AddSingleton<ConnectionSecrets>();
        services.AddSingleton<ModelCatalog>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelCatalog>());
        services.AddSingleton<CatalogRefresher>();
        services.AddHostedService(provider => provider.GetRequiredService<CatalogRefresher>());
    }
}
