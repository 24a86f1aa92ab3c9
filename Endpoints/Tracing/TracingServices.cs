using AiChat.Data;

namespace AiChat.Endpoints.Tracing;

internal static class TracingServices
{
    public static void AddTracing(this IServiceCollection services)
    {
        services.AddSingleton(provider => new TraceFile(provider.GetRequiredService<DataFolder>().File("traces.db"), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<Traces>();
        services.AddSingleton<TaskTraces>();
    }
}
