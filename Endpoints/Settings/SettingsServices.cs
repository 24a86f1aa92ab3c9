namespace AiChat.Endpoints.Settings;

internal static class SettingsServices
{
    public static void AddSettings(this IServiceCollection services)
    {
        services.AddSingleton<SystemSettings>();
        services.AddHostedService(provider => provider.GetRequiredService<SystemSettings>());
        services.AddSingleton<Outbound>();
        services.AddHostedService(provider => provider.GetRequiredService<Outbound>());
    }
}
