namespace AiChat.Endpoints.Auth;

internal static class AuthServices
{
    public static void AddAuth(this IServiceCollection services)
    {
        services.AddSingleton<SetupCode>();
        services.AddHostedService(provider => provider.GetRequiredService<SetupCode>());
        services.AddSingleton<PasswordHasher>();
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<PasswordCheck>();
        services.AddSingleton<PasswordConfirmation>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<CookieMark>();
        services.AddSingleton<LoginService>();
        services.AddSingleton<Credentials>();
        services.AddSingleton<RequestLimits>();
        services.AddSingleton<AccessControl>();
        services.AddSingleton(_ => BodyBudget.OfProcess());
    }
}
