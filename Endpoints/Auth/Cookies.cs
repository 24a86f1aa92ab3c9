using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// The sign-in cookies. Over HTTPS their names begin with __Host-, so that neither another subdomain nor plain HTTP can plant them. They
/// end with a mark of this installation, because browsers send cookies to every port of a host. They are HttpOnly. The access cookie
/// lives as long as the refresh cookie, so that a request with an expired token is answered 401 and not taken for an anonymous one.
/// </summary>
internal static class Cookies
{
    private const string AccessName = "aichat";
    private const string RefreshName = "aichat_refresh";
    private const string DeviceName = "aichat_device";
    private const string GuestName = "aichat_guest";
    private const string Prefix = "__Host-";

    /// <summary>Life of the cookie by which the throttle recognises a browser that signed in before.</summary>
    private static readonly TimeSpan DeviceLife = TimeSpan.FromDays(180);

    public static string? Access(HttpRequest request) => Own(request, AccessName) ?? UnmarkedAccess(request);

    public static string? Refresh(HttpRequest request) => Own(request, RefreshName) ?? Unmarked(request, RefreshName);

    public static string? Device(HttpRequest request) => Own(request, DeviceName) ?? Unmarked(request, DeviceName);

    /// <summary>The token of a guest.</summary>
    public static string? Guest(HttpRequest request) => Own(request, GuestName) ?? Unmarked(request, GuestName);

    public static bool AnyIn(HttpRequest request) =>
        Access(request) is not null || Refresh(request) is not null || Guest(request) is not null;

    public static void SetAccess(HttpContext context, string token, TimeSpan life)
    {
        DropUnmarked(context);
        Set(context, Marked(context, AccessName), token, life, "/");
    }

    public static void SetRefresh(HttpContext context, string token, TimeSpan life) =>
        Set(context, Marked(context, RefreshName), token, life, RefreshPath(context));

    public static void SetDevice(HttpContext context, string token) =>
        Set(context, Marked(context, DeviceName), token, DeviceLife, RefreshPath(context));

    public static void SetGuest(HttpContext context, string token, TimeSpan life) =>
        Set(context, Marked(context, GuestName), token, life, "/");

    public static void ClearGuest(HttpContext context) => Set(context, Marked(context, GuestName), "", TimeSpan.Zero, "/");

    public static void Clear(HttpContext context)
    {
        DropUnmarked(context);
        Set(context, Marked(context, AccessName), "", TimeSpan.Zero, "/");
        Set(context, Marked(context, RefreshName), "", TimeSpan.Zero, RefreshPath(context));
    }

    /// <summary>__Host- requires the root; without it these cookies are sent only to the routes that read them.</summary>
    private static string RefreshPath(HttpContext context) => context.Request.IsHttps ? "/" : context.Request.PathBase + "/api/auth";

    private static string Marked(HttpContext context, string name) => $"{name}_{Mark(context).Text}";

    private static CookieMark Mark(HttpContext context) => context.RequestServices.GetRequiredService<CookieMark>();

    private static string? Own(HttpRequest request, string name) => Read(request, Marked(request.HttpContext, name));

    /// <summary>A cookie of an older version, or of another installation; the reader must check which.</summary>
    private static string? Unmarked(HttpRequest request, string name) => Read(request, name);

    /// <summary>As <see cref="Unmarked"/>, if its token names this installation. The signature is not verified here.</summary>
    private static string? UnmarkedAccess(HttpRequest request) =>
        Unmarked(request, AccessName) is { } token && Mark(request.HttpContext).IsAudienceOf(token) ? token : null;

    private static void DropUnmarked(HttpContext context)
    {
        if (UnmarkedAccess(context.Request) is not null)
        {
            Set(context, AccessName, "", TimeSpan.Zero, "/");
            Set(context, RefreshName, "", TimeSpan.Zero, RefreshPath(context));
        }
    }

    private static string? Read(HttpRequest request, string name) =>
        request.Cookies.TryGetValue(request.IsHttps ? Prefix + name : name, out var value) && value.Length > 0 ? value : null;

    private static void Set(HttpContext context, string name, string value, TimeSpan life, string path) => context.Response.Cookies.Append(
        context.Request.IsHttps ? Prefix + name : name,
        value,
        new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = context.Request.IsHttps, Path = path, MaxAge = life });
}

/// <summary>Distinguishes the cookies of this installation from those of another on the same host. Does not depend on the port.</summary>
internal sealed class CookieMark(InstanceMarker instance, ServerOptions options)
{
    private const int Length = 8;

    private readonly byte[] _audience = Encoding.UTF8.GetBytes($"\"{instance.InstallId}\"");

    /// <summary>Includes the base path, because a copy of a data folder has the same id.</summary>
    public string Text { get; } =
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{instance.InstallId}|{options.BasePath}")))[..Length];

    public bool IsAudienceOf(string token)
    {
        if (token.Length > AccessTokens.MaxToken || token.Split('.') is not [_, var payload, _] || !Base64Url.IsValid(payload))
        {
            return false;
        }

        return Base64Url.DecodeFromChars(payload).AsSpan().IndexOf(_audience) >= 0;
    }
}
