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
    public async ValueTask<TimeSpan> Take(string key, double capacity, TimeSpan refillOfOne) => nodes.IsAlone
        ? _own.Take(key, capacity, refillOfOne) : await nodes.TakeToken(name, key, capacity, refillOfOne, clock.GetUtcNow());

    /// <inheritdoc cref="TokenBuckets{TKey}.Return"/>
    public async ValueTask Return(string key)
    {
        if (nodes.IsAlone)
        {
            _own.Return(key);
        }
        else
        {
            await nodes.ReturnToken(name, key);
        }
    }
}
