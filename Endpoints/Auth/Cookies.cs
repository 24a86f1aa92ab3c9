using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// The sign-in cookies. They are HttpOnly and carry the path below which the installation is seen, so that two below different paths of
/// one host do not see each other's. Their names end with a mark of this installation, because browsers send cookies to every port of a
/// host. Over HTTPS the names begin with __Host-, so that neither another subdomain nor plain HTTP can plant them; below a path with
/// __Secure-, because __Host- requires the root. The access cookie lives as long as the refresh cookie, so that a request with an expired
/// token is answered 401 and not taken for an anonymous one.
/// </summary>
/// <remarks>
/// Two older forms are read until the next sign-in or refresh replaces them: without a mark, and below a path with the cookies at the root.
/// </remarks>
internal static class Cookies
{
    private const string AccessName = "aichat";
    private const string RefreshName = "aichat_refresh";
    private const string DeviceName = "aichat_device";
    private const string GuestName = "aichat_guest";
    private const string ImportedGuestName = "anon_key";

    /// <summary>Life of the cookie by which the throttle recognises a browser that signed in before.</summary>
    private static readonly TimeSpan DeviceLife = TimeSpan.FromDays(180);

    public static string? Access(HttpRequest request) =>
        Own(request, AccessName) ?? AtRoot(request, AccessName) ?? UnmarkedAccess(request);

    public static string? Refresh(HttpRequest request) => Find(request, RefreshName);

    public static string? Device(HttpRequest request) => Find(request, DeviceName);

    /// <summary>The token of a guest; last the one by which an imported guest is known to the browser.</summary>
    public static string? Guest(HttpRequest request) => Find(request, GuestName) ?? Read(request, ImportedGuestName);

    public static bool AnyIn(HttpRequest request) =>
        Access(request) is not null || Refresh(request) is not null || Guest(request) is not null;

    public static void SetAccess(HttpContext context, string token, TimeSpan life)
    {
        DropUnmarked(context);
        if (Own(context.Request, AccessName) is null)
        {
            DropAtRoot(context);
        }

        Set(context, OwnName(context.Request, AccessName), token, life, Path(context));
    }

    public static void SetRefresh(HttpContext context, string token, TimeSpan life) =>
        Set(context, OwnName(context.Request, RefreshName), token, life, RefreshPath(context));

    public static void SetDevice(HttpContext context, string token) =>
        Set(context, OwnName(context.Request, DeviceName), token, DeviceLife, RefreshPath(context));

    public static void SetGuest(HttpContext context, string token, TimeSpan life) =>
        Set(context, OwnName(context.Request, GuestName), token, life, Path(context));

    public static void ClearGuest(HttpContext context)
    {
        if (AtRoot(context.Request, GuestName) is not null)
        {
            Set(context, NameAtRoot(context.Request, GuestName), "", TimeSpan.Zero, "/");
        }

        Set(context, OwnName(context.Request, GuestName), "", TimeSpan.Zero, Path(context));
    }

    public static void Clear(HttpContext context)
    {
        DropUnmarked(context);
        DropAtRoot(context);
        Set(context, OwnName(context.Request, AccessName), "", TimeSpan.Zero, Path(context));
        Set(context, OwnName(context.Request, RefreshName), "", TimeSpan.Zero, RefreshPath(context));
    }

    private static string Path(HttpContext context) => context.Request.PathBase is { HasValue: true } path ? path.ToString() : "/";

    /// <summary>__Host- requires the root; otherwise these cookies are sent only to the routes that read them.</summary>
    private static string RefreshPath(HttpContext context) =>
        context.Request is { IsHttps: true, PathBase.HasValue: false } ? "/" : context.Request.PathBase + "/api/auth";

    private static CookieMark Mark(HttpRequest request) => request.HttpContext.RequestServices.GetRequiredService<CookieMark>();

    private static string OwnName(HttpRequest request, string name)
    {
        var prefix = !request.IsHttps ? "" : request.PathBase.HasValue ? "__Secure-" : "__Host-";
        return $"{prefix}{name}_{Mark(request).Below(request.PathBase)}";
    }

    private static string NameAtRoot(HttpRequest request, string name) =>
        $"{(request.IsHttps ? "__Host-" : "")}{name}_{Mark(request).AtRoot}";

    private static string UnmarkedName(HttpRequest request, string name) => (request.IsHttps ? "__Host-" : "") + name;

    private static string? Own(HttpRequest request, string name) => Read(request, OwnName(request, name));

    /// <summary>What an older version set below a path; null when there is no path.</summary>
    private static string? AtRoot(HttpRequest request, string name) =>
        request.PathBase.HasValue ? Read(request, NameAtRoot(request, name)) : null;

    /// <summary>Last the cookie of an older version, or of another installation; the reader must check which.</summary>
    private static string? Find(HttpRequest request, string name) =>
        Own(request, name) ?? AtRoot(request, name) ?? Read(request, UnmarkedName(request, name));

    /// <summary>An unmarked one, if its token names this installation. The signature is not verified here.</summary>
    private static string? UnmarkedAccess(HttpRequest request) =>
        Read(request, UnmarkedName(request, AccessName)) is { } token && Mark(request).IsAudienceOf(token) ? token : null;

    private static void DropUnmarked(HttpContext context)
    {
        if (UnmarkedAccess(context.Request) is not null)
        {
            Set(context, UnmarkedName(context.Request, AccessName), "", TimeSpan.Zero, "/");
            Set(context, UnmarkedName(context.Request, RefreshName), "", TimeSpan.Zero, RefreshPath(context));
        }
    }

    private static void DropAtRoot(HttpContext context)
    {
        if (AtRoot(context.Request, AccessName) is not null)
        {
            Set(context, NameAtRoot(context.Request, AccessName), "", TimeSpan.Zero, "/");
            Set(
                context, NameAtRoot(context.Request, RefreshName), "", TimeSpan.Zero, context.Request.IsHttps ? "/" : RefreshPath(context));
        }
    }

    private static string? Read(HttpRequest request, string name) =>
        request.Cookies.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    private static void Set(HttpContext context, string name, string value, TimeSpan life, string path) => context.Response.Cookies.Append(
        name,
        value,
        new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = context.Request.IsHttps, Path = path, MaxAge = life });
}

/// <summary>Distinguishes the cookies of this installation from those of another on the same host. Does not depend on the port.</summary>
internal sealed class CookieMark
{
    private const int Length = 8;

    private readonly byte[] _audience;
    private readonly string _installId;
    private readonly string _basePath;
    private readonly string _belowBasePath;

    public CookieMark(InstanceMarker instance, ServerOptions options)
    {
        _installId = instance.InstallId;
        _audience = Encoding.UTF8.GetBytes($"\"{_installId}\"");
        _basePath = options.BasePath;
        _belowBasePath = Hash(_basePath.Length == 0 ? "" : _basePath + "/");
        AtRoot = Hash(_basePath);
    }

    /// <summary>The mark of older versions, which set all cookies at the root.</summary>
    public string AtRoot { get; }

    /// <summary>Includes the base path, because a copy of a data folder has the same id.</summary>
    public string Below(PathString path) =>
        path == _basePath ? _belowBasePath : Hash(path.HasValue ? path + "/" : "");

    public bool IsAudienceOf(string token)
    {
        if (token.Length > AccessTokens.MaxToken || token.Split('.') is not [_, var payload, _] || !Base64Url.IsValid(payload))
        {
            return false;
        }

        return Base64Url.DecodeFromChars(payload).AsSpan().IndexOf(_audience) >= 0;
    }

    private string Hash(string path) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{_installId}|{path}")))[..Length];
}
