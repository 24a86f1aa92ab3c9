namespace AiChat.Endpoints.Http;

/// <summary>
/// The headers of every response, errors included. A handler may set its own content, referrer and resource policies and Cache-Control.
/// </summary>
internal static class SecurityHeaders
{
    /// <summary>For the page: its own files only, no inline script, markup only through the named Trusted Types policies.</summary>
    public const string AppShell =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
        "worker-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; " +
        "object-src 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html aichat-worker";

    /// <summary>Stands in a policy for the number of one answer.</summary>
    public const string Nonce = "{nonce}";

    /// <summary>
    /// For /sandbox/diagram.html, the frame that draws the diagrams of a model. Its origin is opaque and it may fetch nothing; styles are
    /// inline because a diagram is measured with its own. It and /sandbox/image.html are the only pages that may be framed, by this site.
    /// </summary>
    public const string DiagramFrame =
        "default-src 'none'; script-src 'nonce-" + Nonce + "'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; " +
        "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts";

    /// <summary>For /sandbox/image.html, the frame that shows an image of another site after a click.</summary>
    public const string ImageFrame =
        "default-src 'none'; script-src 'nonce-" + Nonce + "'; img-src http: https:; base-uri 'none'; form-action 'none'; " +
        "frame-ancestors 'self'; sandbox allow-scripts";

    private const string Data = "default-src 'none'; frame-ancestors 'none'";

    private const string Permissions =
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), geolocation=(), gyroscope=(), " +
        "magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()";

    /// <summary>Comes before all middleware that can answer.</summary>
    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        // When the response starts, because an exception clears the headers that were set before it.
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
