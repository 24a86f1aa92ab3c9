using AiChat.Data;
using AiChat.Data.Backups;
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
            // Before anything is opened: the files may still be those of two states.
            var images = Path.GetFullPath(options.ImageDir ?? folder.File("images"));
            RestoreJournal.Settle(folder.Path, Path.GetDirectoryName(folder.DatabasePath), images);
            var instance = folder.OpenInstance(TimeProvider.System, options.Initialize);
            if (instance.InUse && !options.Initialize)
            {
                EmptiedCheck.Run(folder.DatabasePath);
            }

            Migrator.Run(folder.DatabasePath, progress, options.ForCommand);
            folder.SaveInstance(instance);
            return new PreparedFolder(folder, instance, ImageFiles.Open(images, instance));
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }
}
