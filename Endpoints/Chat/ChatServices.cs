namespace AiChat.Endpoints.Chat;

/// <summary>The services of this room.</summary>
internal static class ChatServices
{
    public static void AddChat(this IServiceCollection services)
    {
        services.AddSingleton<RunLauncher>();
        services.AddSingleton<GuestSignup>();
        services.AddSingleton<SessionView>();
        services.AddSingleton<SessionExport>();
        services.AddSingleton<ForkLimit>();
        services.AddSingleton<MessageList>();
        services.AddSingleton<ShareLinks>();
    }
}
