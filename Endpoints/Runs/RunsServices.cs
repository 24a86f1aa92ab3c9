namespace AiChat.Endpoints.Runs;

/// <summary>The services of this room.</summary>
internal static class RunsServices
{
    public static void AddRuns(this IServiceCollection services)
    {
        services.AddSingleton<PromptImages>();
        services.AddSingleton<PromptBuilder>();
        services.AddSingleton<ChatSummary>();
        services.AddSingleton<ToolLoop>();
        services.AddSingleton<SessionTitler>();
        services.AddHostedService(provider => provider.GetRequiredService<SessionTitler>());
        services.AddSingleton<RunExecutor>();
        services.AddSingleton<RunRegistry>();
        services.AddSingleton<StoredAnswers>();
        services.AddSingleton<RunMirrors>();
        services.AddSingleton<RunReplay>();
        services.AddSingleton<RunStreamer>();
        services.AddHostedService(provider => provider.GetRequiredService<RunStreamer>());
        services.AddSingleton<TextFlusher>();
        services.AddSingleton<RunSweeper>();
        services.AddHostedService<RunLifetime>();
        services.AddSingleton<NodeChanges>();
        services.AddHostedService(provider => provider.GetRequiredService<NodeChanges>());
    }
}
