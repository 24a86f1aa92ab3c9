using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>Everything about who somebody is, in the order it is needed.</summary>
internal static class AccountServices
{
    public static void AddAccounts(this IServiceCollection services)
    {
        services.AddSingleton<LiveLogins>();
        services.AddSingleton<Users>();
        services.AddSingleton<UserAdmin>();
        services.AddSingleton<Logins>();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<Audit>();
        services.AddSingleton<Secrets>();
        services.AddSingleton<SetupCode>();
        services.AddSingleton<Passwords>();
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<PasswordCheck>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<SignIns>();
        services.AddSingleton<ClientAddress>();
        services.AddSingleton<Credentials>();
        services.AddSingleton<RequestLimits>();
        services.AddSingleton<AccessControl>();
        services.AddHostedService<AccountsStart>();
    }
}

/// <summary>Before the server listens: the keys, the setup code. While it runs: removes logins that are over.</summary>
internal sealed class AccountsStart(
    Secrets secrets, SetupCode setup, Logins logins, Redactor redactor, ServerOptions options, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var secret in new[] { options.JwtSecret, options.MasterKey })
        {
            redactor.Add(secret ?? "");
        }

        await secrets.Open(cancellationToken);
        await setup.Open();
        await logins.Sweep(clock.GetUtcNow());
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(SweepInterval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await logins.Sweep(clock.GetUtcNow());
            }
            catch (StoreException)
            {
                // Nobody gets in by a row that is over; the next round removes it.
            }
        }
    }
}
