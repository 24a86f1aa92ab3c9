using AiChat.Data;
using AiChat.Data.Nodes;

namespace AiChat.Endpoints.Http;

/// <summary>
/// As <see cref="TokenBuckets{TKey}"/>, counted for all processes on one database together. What it limits costs a hash or a row anyway.
/// Where this process is alone, they are in memory. Safe for any number of threads.
/// </summary>
/// <param name="name">Of these buckets among all in the database.</param>
internal sealed class SharedBuckets(string name, NodeStore nodes, TimeProvider clock, int maxKeys = 50_000)
{
    private readonly TokenBuckets<string> _own = new(clock, maxKeys);

    /// <inheritdoc cref="TokenBuckets{TKey}.Take"/>
    public async ValueTask<TimeSpan> Take(string key, double capacity, TimeSpan refillOfOne)
    {
        try
        {
            if (!nodes.IsAlone)
            {
                return await nodes.TakeToken(name, key, capacity, refillOfOne, clock.GetUtcNow());
            }
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // People sign in on a full disk; each process counts for itself meanwhile.
        }

        return _own.Take(key, capacity, refillOfOne);
    }

    /// <inheritdoc cref="TokenBuckets{TKey}.Return"/>
    public async ValueTask Return(string key)
    {
        try
        {
            if (!nodes.IsAlone)
            {
                await nodes.ReturnToken(name, key);
                return;
            }
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // It was taken from this process's own.
        }

        _own.Return(key);
    }
}
