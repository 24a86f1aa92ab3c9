using System.Globalization;
using AiChat.Data.Accounts;
using AiChat.Data.Images;

namespace AiChat.Endpoints.Images;

/// <summary>
/// Where avatars are found: one address a user, with a part that changes when the picture does. Relative to the page's base, which holds
/// under every name and path of this server. Knows the assistant's and the installation's from memory.
/// </summary>
internal sealed class AvatarLinks(Avatars avatars) : IHostedService
{
    private const int VersionStart = 3; // behind the shard's folder
    private const int VersionLength = 8;

    private volatile string? _assistantFile;
    private volatile string? _logoFile;

    public string? AssistantFile => _assistantFile;

    public string? LogoFile => _logoFile;

    public string? Assistant => Find("assistant", _assistantFile);

    public string? Logo => Find("logo", _logoFile);

    public static string? Find(long userId, string? file) => Find(userId.ToString(CultureInfo.InvariantCulture), file);

    /// <summary>A picture that all see was changed.</summary>
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
