using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>The services of this room.</summary>
internal static class CallsServices
{
    public static void AddCalls(this IServiceCollection services)
    {
        services.AddSingleton<KeyRing>();
        services.AddSingleton<TokenFactors>();
        services.AddHostedService(provider => provider.GetRequiredService<TokenFactors>());
        services.AddSingleton<ContextLimits>();
        services.AddSingleton<LiveCalls>();
        services.AddSingleton<ProviderCalls>();
        services.AddSingleton<KeyedCalls>();
        services.AddSingleton<Settlements>();
        services.AddSingleton<UtilityCompletion>();
        services.AddSingleton(provider => MemoryBudget.OfProcess(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new LineMemory(provider.GetRequiredService<MemoryBudget>().TakeLine));
        services.AddSingleton<WebSearch>();
        services.AddSingleton<RunSlots>();
    }
}
