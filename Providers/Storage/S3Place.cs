using AiChat.Providers.Transport;

namespace AiChat.Providers.Storage;

/// <summary>A folder in a bucket of an S3-compatible store, and the key to it. The text form shows no secret.</summary>
/// <param name="Prefix">Without slashes at its ends; empty for the whole bucket.</param>
internal sealed record S3Place(string Endpoint, string Bucket, string Region, string Prefix, string AccessKey, string SecretKey)
{
    /// <summary>The bucket stands in the path, not in the name of the host.</summary>
    public bool PathStyle { get; init; } = true;

    public NetworkScope Scope { get; init; } = NetworkScope.External;

    public ProxyRoute Proxies { get; init; } = ProxyRoute.Direct;

    /// <summary>Comes with a key that holds for some hours; null with one that lasts.</summary>
    public string? SessionToken { get; init; }

    /// <summary>Names the pool of connections.</summary>
    public long PoolId { get; init; }

    public override string ToString() => $"{Bucket} at {Endpoint}";
}

/// <summary>An object in the folder.</summary>
/// <param name="Name">Without the prefix.</param>
internal sealed record S3Object(string Name, long Bytes)
{
    /// <summary>By the clock of the store.</summary>
    public DateTimeOffset ModifiedAt { get; init; }
}
