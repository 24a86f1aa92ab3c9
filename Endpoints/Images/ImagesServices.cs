using AiChat.Data.Images;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Images;

internal static class ImagesServices
{
    public static void AddImages(this IServiceCollection services)
    {
        services.AddSingleton(all => new ImageFiles(
            all.GetRequiredService<ImageFolder>(), all.GetRequiredService<TimeProvider>(),
            all.GetRequiredService<ServerOptions>().ImageStore is { } place
                ? new ImageBucket(
                    all.GetRequiredService<ProviderHttp>(), all.GetRequiredService<Outbound>(), all.GetRequiredService<Redactor>(), place)
                : null));
        services.AddSingleton<ImageHome>();
        services.AddSingleton<ImageLinks>();
        services.AddSingleton<AvatarLinks>();
        services.AddHostedService(provider => provider.GetRequiredService<AvatarLinks>());
    }
}
