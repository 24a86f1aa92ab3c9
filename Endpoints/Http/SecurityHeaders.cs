namespace AiChat.Endpoints.Http;

/// <summary>The headers every response carries, errors included. A handler that sets one of them itself wins.</summary>
internal static class SecurityHeaders
{
    /// <summary>For the page: own files only, no inline script, markup only through the named policies.</summary>
    public const string AppShell =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
        "worker-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; " +
        "object-src 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html aichat-worker";

    /// <summary>
    /// For /sandbox/diagram.html, the frame that draws what a model wrote. It has no origin and nothing to fetch from; styles are
    /// inline because a drawing is measured with its own. With /sandbox/image.html the only page which may be framed, by our own.
    /// </summary>
    public const string DiagramFrame =
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " +
        "frame-ancestors 'self'; sandbox allow-scripts";

    /// <summary>For /sandbox/image.html, the frame that shows an image from elsewhere after a click.</summary>
    public const string ImageFrame =
        "default-src 'none'; script-src 'self'; img-src http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; " +
        "sandbox allow-scripts";

    private const string Data = "default-src 'none'; frame-ancestors 'none'";

    private const string Permissions =
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), geolocation=(), gyroscope=(), " +
        "magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()";

    /// <summary>Comes before everything that can answer.</summary>
    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        // At the last moment, because an exception on the way clears what was set before it.
        context.Response.OnStarting(Apply, context);
        return next(context);
    });

    private static Task Apply(object state)
    {
        var context = (HttpContext)state;
        var headers = context.Response.Headers;
        var html = context.Response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true;
        headers["X-Request-Id"] = context.TraceIdentifier;
        headers.XContentTypeOptions = "nosniff";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = Permissions;
        headers.TryAdd("Referrer-Policy", "same-origin");
        headers.TryAdd("Cross-Origin-Resource-Policy", "same-origin");
        if (headers.ContentSecurityPolicy.Count == 0)
        {
            headers.ContentSecurityPolicy = html ? AppShell : Data;
        }

        if (headers.CacheControl.Count == 0)
        {
            headers.CacheControl = "no-store";
        }

        if (context.Request.IsHttps)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }

        return Task.CompletedTask;
    }
}
