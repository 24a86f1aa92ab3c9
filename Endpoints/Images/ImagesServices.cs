namespace AiChat.Endpoints.Images;

internal static class ImagesServices
{
    public static void AddImages(this IServiceCollection services)
    {
        services.AddSingleton<ImageLinks>();
        services.AddSingleton<AvatarLinks>();
        services.AddHostedService(provider => provider.GetRequiredService<AvatarLinks>());
    }
}
