using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Auth;

/// <summary>Everything about who somebody is, in the order it is needed.</summary>
internal static class AccountServices
{
    public static void AddAccounts(this IServiceCollection services)
    {
        services.AddSingleton<SecretCipher>();
        services.AddSingleton<SetupCode>();
        services.AddSingleton<PasswordHasher>();
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<PasswordCheck>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<CookieMark>();
        services.AddSingleton<LoginService>();
        services.AddSingleton<ClientAddress>();
        services.AddSingleton<Credentials>();
        services.AddSingleton<RequestLimits>();
        services.AddSingleton<AccessControl>();
        services.AddHostedService<AccountsStart>();
    }
}

/// <summary>Before the server listens: the keys, the setup code.</summary>
internal sealed class AccountsStart(SecretCipher cipher, SetupCode setup, Redactor redactor, ServerOptions options) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var secret in new[] { options.JwtSecret, options.MasterKey })
        {
            redactor.Add(secret ?? "");
        }

        await cipher.Open(cancellationToken);
        await setup.Open();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
