namespace AiChat.Endpoints.Secrets;

internal static class SecretsServices
{
    public static void AddSecrets(this IServiceCollection services)
    {
        services.AddSingleton<Redactor>();
        services.AddSingleton<SecretCipher>();
        services.AddSingleton<KeyRotation>();
        services.AddHostedService<SecretsStart>();
    }
}

/// <summary>Opens the cipher before any other service starts, because settings and connections hold secrets.</summary>
internal sealed class SecretsStart(SecretCipher cipher, Redactor redactor, ServerOptions options) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        redactor.Add(options.JwtSecret ?? "");
        redactor.Add(options.MasterKey ?? "");
        redactor.Add(options.MetricsToken ?? "");
        return cipher.Open(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
