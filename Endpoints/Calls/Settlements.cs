using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Ends what the gate let in for calls that belong to no run. When the store cannot take it now, the caller goes on and it is tried
/// again until it can: nothing stays held for a call that has ended.
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
