namespace AiChat.Endpoints.Settings;

/// <summary>The S3-compatible store to which backups are sent, as an administrator has set it. The text form shows no secret.</summary>
/// <param name="Prefix">Without slashes at its ends.</param>
/// <param name="SecretKey">In clear; null when none is set, or when the stored one cannot be read on this installation.</param>
/// <param name="PathStyle">The bucket stands in the path, not in the name of the host.</param>
/// <param name="Local">It may be on this machine or in its private network.</param>
internal sealed record BackupStore(
    string Endpoint, string Bucket, string Region, string Prefix, string AccessKey, string? SecretKey, bool PathStyle, bool Local)
{
    public bool IsConfigured => Endpoint.Length > 0 && Bucket.Length > 0;

    public override string ToString() => $"{Bucket} at {Endpoint}";
}
