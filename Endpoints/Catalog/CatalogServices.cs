namespace AiChat.Endpoints.Catalog;

/// <summary>Connections and models. They open secrets, so the cipher starts before.</summary>
internal static class CatalogServices
{
    public static void AddCatalog(this IServiceCollection services)
    {
        services.AddSingleton<ConnectionSecrets>();
        services.AddSingleton<ModelCatalog>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelCatalog>());
        services.AddSingleton<CatalogRefresher>();
        services.AddHostedService(provider => provider.GetRequiredService<CatalogRefresher>());
        services.AddProviders();
    }
}
