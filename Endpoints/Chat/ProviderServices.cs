using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>The providers that this build speaks.</summary>
internal static class ProviderServices
{
    public static void AddProviders(this IServiceCollection services)
    {
        services.AddSingleton<ProviderHttp>();
        services.AddSingleton<ProviderRegistry>();
        services.AddSingleton<IChatProvider, DemoProvider>();
        services.AddSingleton<IChatProvider, OpenAiProvider>();
    }
}
