using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// The sign-in cookies. Over HTTPS their names begin with __Host-, so that neither a neighbour's subdomain nor plain HTTP can plant
/// them. They end with a mark of this installation, because browsers send cookies to every port of a host. Scripts never see them.
/// The access cookie lives as long as the refresh cookie: a request with an expired token has to be told so, not be taken for a
/// stranger's.
/// </summary>
internal static class Cookies
{
    private const string AccessName = "aichat";
    private const string RefreshName = "aichat_refresh";
    private const string DeviceName = "aichat_device";
    private const string GuestName = "aichat_guest";
    private const string Prefix = "__Host-";

    /// <summary>Remembers browsers that signed in before, for the throttle.</summary>
    private static readonly TimeSpan DeviceLife = TimeSpan.FromDays(180);

    public static string? Access(HttpRequest request) => Own(request, AccessName) ?? UnmarkedAccess(request);

    public static string? Refresh(HttpRequest request) => Own(request, RefreshName) ?? Unmarked(request, RefreshName);

    public static string? Device(HttpRequest request) => Own(request, DeviceName) ?? Unmarked(request, DeviceName);

    /// <summary>The token of a visitor who is known without an account.</summary>
    public static string? Guest(HttpRequest request) => Own(request, GuestName) ?? Unmarked(request, GuestName);

    public static bool AnyIn(HttpRequest request) => Access(request) is not null || Refresh(request) is not null || Guest(request) is not null;

    public static void SetAccess(HttpContext context, string token, TimeSpan life)
    {
        DropUnmarked(context);
        Set(context, Marked(context, AccessName), token, life, "/");
    }

    public static void SetRefresh(HttpContext context, string token, TimeSpan life) =>
        Set(context, Marked(context, RefreshName), token, life, RefreshPath(context));

    public static void SetDevice(HttpContext context, string token) => Set(context, Marked(context, DeviceName), token, DeviceLife, RefreshPath(context));

    public static void SetGuest(HttpContext context, string token, TimeSpan life) => Set(context, Marked(context, GuestName), token, life, "/");

    public static void ClearGuest(HttpContext context) => Set(context, Marked(context, GuestName), "", TimeSpan.Zero, "/");

    public static void Clear(HttpContext context)
    {
        DropUnmarked(context);
        Set(context, Marked(context, AccessName), "", TimeSpan.Zero, "/");
        Set(context, Marked(context, RefreshName), "", TimeSpan.Zero, RefreshPath(context));
    }

    /// <summary>__Host- demands the root; without it these cookies go only where they are read.</summary>
    private static string RefreshPath(HttpContext context) => context.Request.IsHttps ? "/" : context.Request.PathBase + "/api/auth";

    private static string Marked(HttpContext context, string name) => $"{name}_{context.RequestServices.GetRequiredService<CookieMark>().Text}";

    private static string? Own(HttpRequest request, string name) => Read(request, Marked(request.HttpContext, name));

    /// <summary>Set before cookies were marked, perhaps by another installation: whoever reads one has to see whether it is ours.</summary>
    private static string? Unmarked(HttpRequest request, string name) => Read(request, name);

    /// <summary>As <see cref="Unmarked"/>, and meant for this installation; its signature is not looked at here.</summary>
    private static string? UnmarkedAccess(HttpRequest request) =>
        Unmarked(request, AccessName) is { } token && request.HttpContext.RequestServices.GetRequiredService<CookieMark>().IsAudienceOf(token) ? token : null;

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

/// <summary>What tells the cookies of this installation from those of another on the same host. It does not change with the port.</summary>
internal sealed class CookieMark(InstanceMarker instance, ServerOptions options)
{
    private const int Length = 8;

    private readonly byte[] _audience = Encoding.UTF8.GetBytes($"\"{instance.InstallId}\"");

    /// <summary>With the path, because a copy of a data folder has the same id.</summary>
    public string Text { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{instance.InstallId}|{options.BasePath}")))[..Length];

    public bool IsAudienceOf(string token)
    {
        if (token.Length > AccessTokens.MaxToken || token.Split('.') is not [_, var payload, _] || !Base64Url.IsValid(payload))
        {
            return false;
        }

        return Base64Url.DecodeFromChars(payload).AsSpan().IndexOf(_audience) >= 0;
    }
}
