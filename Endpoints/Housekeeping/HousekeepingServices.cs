namespace AiChat.Endpoints.Housekeeping;

internal static class HousekeepingServices
{
    public static void AddHousekeeping(this IServiceCollection services)
    {
        services.AddSingleton<StoreCheck>();
        services.AddHostedService(provider => provider.GetRequiredService<StoreCheck>());
        services.AddHostedService<IndexFailures>();
        services.AddHostedService<DataPlace>();
        services.AddSingleton<BucketUpkeep>();
        services.AddSingleton<Retention>();
        services.AddHostedService(provider => provider.GetRequiredService<Retention>());
    }
}
