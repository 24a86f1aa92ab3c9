using System.Globalization;
using AiChat.Data.Accounts;
using AiChat.Data.Images;

namespace AiChat.Endpoints.Images;

/// <summary>
/// Builds the links of avatars: one for each user, with a version that changes with the picture. Relative to the base of the page, so that
/// they are valid under every name and path of the server. The pictures of the assistant and of the installation are cached.
/// </summary>
internal sealed class AvatarLinks(Avatars avatars) : IHostedService
{
    private const int VersionStart = 3; // after the folder of the shard
    private const int VersionLength = 8;

    private volatile string? _assistantFile;
    private volatile string? _logoFile;

    public string? AssistantFile => _assistantFile;

    public string? LogoFile => _logoFile;

    public string? Assistant => Find("assistant", _assistantFile);

    public string? Logo => Find("logo", _logoFile);

    public static string? Find(long userId, string? file) => Find(userId.ToString(CultureInfo.InvariantCulture), file);

    /// <summary>Call after a shared picture was changed.</summary>
    public async Task Reload()
    {
        _assistantFile = await avatars.FindShared(FileRows.AssistantAvatar);
        _logoFile = await avatars.FindShared(FileRows.Logo);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Reload();

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static string? Find(string whose, string? file) =>
        file is null ? null : $"avatars/{whose}?v={file.AsSpan(VersionStart, VersionLength)}";
}
