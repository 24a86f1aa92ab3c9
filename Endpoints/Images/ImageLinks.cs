using System.Globalization;
using AiChat.Data;
using AiChat.Data.Images;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Images;

/// <summary>
/// Builds the links of images. Without a site address links are relative, so that they are valid under every name of the server, and only
/// their owner opens them. With a site address they are absolute and signed, and open without a sign-in until they expire. No link is
/// built from the host name of a request.
/// </summary>
internal sealed class ImageLinks(SystemSettings settings, BasePath basePath, SecretCipher cipher, TimeProvider clock)
{
    public ImageResponse From(ImageRow row) => new(row.Id, Url(row.Id), row.Width, row.Height, row.Mime);

    public string Url(string id) =>
        settings.SiteBaseUrl is { Length: > 0 } site ? Signed(site, id, Expiry()) : $"{basePath.Current}/chat-images/{id}";

    /// <summary>A link that opens the image for anybody who has it, until it expires.</summary>
    /// <param name="site">What precedes <c>/chat-images</c>: an address, or the base path.</param>
    public string Signed(string site, string id, DateTimeOffset expires)
    {
        var seconds = expires.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{site.TrimEnd('/')}/chat-images/{id}?exp={seconds}&sig={cipher.Sign(SecretPurpose.UrlSign, Text(id, seconds))}";
    }

    public bool IsValid(string id, string? expires, string? signature) =>
        expires is { Length: > 0 and < 16 } && signature is { Length: > 0 and < 100 }
        && long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds > clock.GetUtcNow().ToUnixTimeSeconds()
        && cipher.Verify(SecretPurpose.UrlSign, Text(id, expires), signature);

    /// <summary>In one to two days, at midnight: the link is the same all day, so that a browser can cache the image.</summary>
    public DateTimeOffset Expiry() => UtcDay.EndOf(clock.GetUtcNow()).AddDays(1);

    private static string Text(string id, string expires) => $"chat-image|{id}|{expires}";
}

/// <summary>An image of a message as clients see it.</summary>
internal sealed record ImageResponse(string Id, string Url, int Width, int Height, string Mime);
