using AiChat.Data;
using AiChat.Data.Nodes;
using AiChat.Data.Store;
using AiChat.Data.Traces;

namespace AiChat.Endpoints.Traces;

/// <summary>The services of this room.</summary>
internal static partial class TracesServices
{
    public static void AddTraces(this IServiceCollection services)
    {
        services.AddSingleton<ITracePlace>(provider =>
        {
            var nodes = provider.GetRequiredService<NodeStore>();
            if (!nodes.IsAlone)
            {
                return new TraceTables(provider.GetRequiredService<Db>(), nodes);
            }

            var logger = provider.GetRequiredService<ILogger<TaskTraces>>();
            var path = provider.GetRequiredService<DataFolder>().File("traces.db");
            var file = new TraceFile(path, provider.GetRequiredService<TimeProvider>());
            file.SetAside += (aside, why) => LogSetAside(logger, aside, why); // raised when the file is first opened
            return file;
        });
        services.AddSingleton<TaskTraces>();
    }

    [LoggerMessage(LogLevel.Warning, "Could not use the file of the task traces, it was moved to {Path}: {Why}")]
    private static partial void LogSetAside(ILogger logger, string path, string why);
}
