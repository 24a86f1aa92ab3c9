namespace AiChat.Endpoints.Http;

/// <summary>
/// The sign-in cookies. Over HTTPS their names begin with __Host-, so that neither a neighbour's subdomain nor plain HTTP can plant
/// them. Scripts never see them. The access cookie lives as long as the refresh cookie: a request with an expired token has to
/// be told so, not be taken for a stranger's.
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

    public static string? Access(HttpRequest request) => Read(request, AccessName);

    public static string? Refresh(HttpRequest request) => Read(request, RefreshName);

    public static string? Device(HttpRequest request) => Read(request, DeviceName);

    /// <summary>The token of a visitor who is known without an account.</summary>
    public static string? Guest(HttpRequest request) => Read(request, GuestName);

    public static bool AnyIn(HttpRequest request) => Access(request) is not null || Refresh(request) is not null || Guest(request) is not null;

    public static void SetAccess(HttpContext context, string token, TimeSpan life) => Set(context, AccessName, token, life, "/");

    public static void SetRefresh(HttpContext context, string token, TimeSpan life) => Set(context, RefreshName, token, life, RefreshPath(context));

    public static void SetDevice(HttpContext context, string token) => Set(context, DeviceName, token, DeviceLife, RefreshPath(context));

    public static void SetGuest(HttpContext context, string token, TimeSpan life) => Set(context, GuestName, token, life, "/");

    public static void ClearGuest(HttpContext context) => Set(context, GuestName, "", TimeSpan.Zero, "/");

    public static void Clear(HttpContext context)
    {
        Set(context, AccessName, "", TimeSpan.Zero, "/");
        Set(context, RefreshName, "", TimeSpan.Zero, RefreshPath(context));
    }

    /// <summary>__Host- demands the root; without it these cookies go only where they are read.</summary>
    private static string RefreshPath(HttpContext context) => context.Request.IsHttps ? "/" : context.Request.PathBase + "/api/auth";

    private static string? Read(HttpRequest request, string name) =>
        request.Cookies.TryGetValue(request.IsHttps ? Prefix + name : name, out var value) && value.Length > 0 ? value : null;

    private static void Set(HttpContext context, string name, string value, TimeSpan life, string path) => context.Response.Cookies.Append(
        context.Request.IsHttps ? Prefix + name : name,
        value,
        new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = context.Request.IsHttps, Path = path, MaxAge = life });
}
