namespace AiChat.Endpoints.Chat;

/// <summary>The services of this room.</summary>
internal static class ChatServices
{
    public static void AddChat(this IServiceCollection services)
    {
        services.AddSingleton<RunLauncher>();
        services.AddSingleton<GuestSignup>();
        services.AddSingleton<SessionView>();
        services.AddSingleton<SessionPages>();
        services.AddSingleton<MessageList>();
    }
}
