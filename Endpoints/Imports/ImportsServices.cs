namespace AiChat.Endpoints.Imports;

/// <summary>The services of this room.</summary>
internal static class ImportsServices
{
    public static void AddImports(this IServiceCollection services)
    {
        services.AddSingleton<ImportUploads>();
        services.AddSingleton<ChatImport>();
        services.AddSingleton<SharedImports>();
        services.AddSingleton<ImportJobs>();
        services.AddHostedService(provider => provider.GetRequiredService<ImportJobs>());
    }
}
