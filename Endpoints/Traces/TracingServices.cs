using AiChat.Data;
using AiChat.Data.Traces;

namespace AiChat.Endpoints.Traces;

internal static partial class TracingServices
{
    public static void AddTracing(this IServiceCollection services)
    {
        services.AddSingleton(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<TaskTraces>>();
            var file = new TraceFile(provider.GetRequiredService<DataFolder>().File("traces.db"), provider.GetRequiredService<TimeProvider>());
            file.SetAside += (aside, why) => LogSetAside(logger, aside, why); // whoever opens it first
            return file;
        });
        services.AddSingleton<TaskTraces>();
    }

    [LoggerMessage(LogLevel.Warning, "The file of the task traces could not be used and is now {Path}: {Why}")]
    private static partial void LogSetAside(ILogger logger, string path, string why);
}
