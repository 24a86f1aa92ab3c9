using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Data.Images;

namespace AiChat.Endpoints.Backups;

internal static class BackupsServices
{
    public static void AddBackups(this IServiceCollection services)
    {
        services.AddSingleton(all => new BackupShelf(all.GetRequiredService<DataFolder>().File("backups")));
        services.AddSingleton(all => new BackupMaker(
            all.GetRequiredService<DataFolder>().DatabasePath, all.GetRequiredService<ImageFiles>(),
            all.GetRequiredService<BackupShelf>()));
        services.AddSingleton<RemoteBackups>();
        services.AddSingleton<BackupService>();
        services.AddSingleton<BackupSchedule>();
        services.AddHostedService(provider => provider.GetRequiredService<BackupSchedule>());
    }
}
