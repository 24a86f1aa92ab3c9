using AiChat.Data;
using AiChat.Data.Images;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Tells at start, in the log and among the notices, when what must last lies where it ends with a container, a pod or the running system.
/// </summary>
internal sealed partial class DataPlace(
    DataFolder folder, ImageFiles images, ServerOptions options, Notices notices, ILogger<DataPlace> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        List<string> places = [folder.Path];
        if (options.DatabaseServer is null)
        {
            places.Add(Path.GetDirectoryName(folder.DatabasePath)!);
        }

        if (images.Bucket is null)
        {
            places.Add(images.Folder.Folder);
        }

        foreach (var place in places.Distinct().Where(place => !places.Exists(other => IsBelow(place, other))))
        {
            if (Describe(Mounts.Judge(place)) is var (kind, text))
            {
                var detail = $"The data in {place} {text}";
                LogFleeting(logger, detail);
                notices.Add(new Notice(kind, detail, place));
            }
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static (string Kind, string Text)? Describe(Fleeting fleeting) => fleeting switch
    {
        Fleeting.No => null,
        Fleeting.Container => (
            "data_in_container",
            "lies inside the container and is lost when the container is replaced. Mount a named volume or a folder there."),
        Fleeting.NamelessVolume => (
            "data_in_nameless_volume",
            "lies in a volume without a name, which a new container does not get. Mount a named volume or a folder there."),
        Fleeting.Pod => ("data_in_pod", "lies in an emptyDir and is lost with the pod. Mount a PersistentVolumeClaim there."),
        Fleeting.Memory => ("data_in_memory", "lies in memory (tmpfs) and is lost at the next stop. Mount a folder of a disk there."),
    };

    /// <summary>Within the other folder, and on the same mount as far as both are judged alike.</summary>
    private static bool IsBelow(string place, string other) =>
        place.StartsWith(other.TrimEnd('/') + "/", StringComparison.Ordinal) && Mounts.Judge(place) == Mounts.Judge(other);

    [LoggerMessage(LogLevel.Warning, "{Detail}")]
    private static partial void LogFleeting(ILogger logger, string detail);
}
