using AiChat.Data;
using AiChat.Data.Catalog;
using AiChat.Data.Store;

namespace AiChat.Endpoints.Http;

/// <summary>Tells whether the server can write, by writing. The answer is cached for <see cref="Fresh"/>.</summary>
internal sealed class Readiness(Db db, TimeProvider clock)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private Task<bool>? _probe;
    private long _probedAt;
    private volatile bool _stopping;

    /// <summary>From now on the answer is no, so that proxies send new work elsewhere.</summary>
    public void Stop() => _stopping = true;

    public Task<bool> CanWrite()
    {
        if (_stopping)
        {
            return Task.FromResult(false);
        }

        lock (_gate)
        {
            if (_probe is null || clock.GetElapsedTime(_probedAt) > Fresh)
            {
                _probedAt = clock.GetTimestamp();
                _probe = Probe();
            }

            return _probe;
        }
    }

    private async Task<bool> Probe()
    {
        try
        {
            await SettingStore.Touch(db, clock.GetUtcNow());
            return true;
        }
        catch (StoreException)
        {
            return false;
        }
    }
}
