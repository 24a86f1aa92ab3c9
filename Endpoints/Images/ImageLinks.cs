using System.Globalization;
using AiChat.Data;
using AiChat.Data.Images;
using AiChat.Endpoints.Accounts;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Images;

/// <summary>
/// Where an image is found. Without a site address links are relative, right under every name of this server, and only the owner's
/// sign-in opens them. With one they are absolute, signed, and open without a sign-in until they expire. No link is ever made from
/// what a request says of the host.
/// </summary>
internal sealed class ImageLinks(SystemSettings settings, ServerOptions options, SecretCipher cipher, TimeProvider clock)
{
    public ImageResponse From(ImageRow row) => new(row.Id, Url(row.Id), row.Width, row.Height, row.Mime);

    public string Url(string id) => settings.SiteBaseUrl is { Length: > 0 } site ? Signed(site, id, Expiry()) : $"{options.BasePath}/chat-images/{id}";

    /// <summary>Opens the image for whoever holds it, until it expires.</summary>
    /// <param name="site">What stands before <c>/chat-images</c>: an address, or the base path.</param>
    public string Signed(string site, string id, DateTimeOffset expires)
    {
        var seconds = expires.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{site.TrimEnd('/')}/chat-images/{id}?exp={seconds}&sig={cipher.Sign(SecretPurpose.UrlSign, Text(id, seconds))}";
    }

    public bool IsGood(string id, string? expires, string? signature) =>
        expires is { Length: > 0 and < 16 } && signature is { Length: > 0 and < 100 }
        && long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds > clock.GetUtcNow().ToUnixTimeSeconds()
        && cipher.Verify(SecretPurpose.UrlSign, Text(id, expires), signature);

    /// <summary>One to two days, ending at midnight: the same link all day, so that pages need not load an image twice.</summary>
    public DateTimeOffset Expiry() => UtcDay.EndOf(clock.GetUtcNow()).AddDays(1);

    private static string Text(string id, string expires) => $"chat-image|{id}|{expires}";
}

internal static class ImageServices
{
    public static void AddImages(this IServiceCollection services)
    {
        services.AddSingleton<ImageLinks>();
        services.AddSingleton<SharedPictures>();
        services.AddSingleton<AvatarLinks>();
        services.AddHostedService(provider => provider.GetRequiredService<AvatarLinks>());
        services.AddSingleton<Retention>();
        services.AddHostedService(provider => provider.GetRequiredService<Retention>());
    }
}
