using AiChat.Data;
using AiChat.Data.Images;
using AiChat.Data.Sqlite;

namespace AiChat.Commands;

/// <summary>A data folder that this process holds, with its database brought up to date and not opened yet.</summary>
internal sealed record PreparedFolder(DataFolder Folder, InstanceMarker Instance, ImageFiles Images)
{
    /// <summary>Closes the folder when it fails.</summary>
    /// <exception cref="StartupException">The data do not allow a start.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PreparedFolder Of(DataFolder folder, ServerOptions options, StartProgress progress)
    {
        try
        {
            var instance = folder.OpenInstance(TimeProvider.System, options.Initialize);
            if (instance.InUse && !options.Initialize)
            {
                EmptiedCheck.Run(folder.DatabasePath);
            }

            Migrator.Run(folder.DatabasePath, progress);
            folder.SaveInstance(instance);
            return new PreparedFolder(folder, instance, ImageFiles.Open(options.ImageDir ?? folder.File("images"), instance));
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }
}
