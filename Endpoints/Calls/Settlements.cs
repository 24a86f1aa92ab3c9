using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Settles the reservations of calls that belong to no run. When the store fails, the caller goes on and the settlement is retried in the
/// background, so that no reservation outlives its call.
/// </summary>
internal sealed class Settlements(Usage usage, BackgroundWork background, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    private const string Name = "settling what a call used";

    public async Task Settle(Reservation reservation, IReadOnlyList<LedgerEntry> used)
    {
        var now = clock.GetUtcNow();
        try
        {
            await usage.Settle(reservation, used, now);
        }
        catch (Exception error)
        {
            background.Report(Name, error);
            background.Forget(Name, background.Repeat(
                Name,
                async () =>
                {
                    await usage.Settle(reservation, used, now);
                    return false;
                },
                lifetime.ApplicationStopped));
        }
    }
}
