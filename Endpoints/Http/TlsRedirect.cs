using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Http;

/// <summary>Answers what comes to TLS_REDIRECT_PORT: the same address with https.</summary>
internal static class TlsRedirect
{
    /// <summary>Comes first: while the server has a certificate, a connection without TLS can only be one to that port
    /// or one of the command line.</summary>
    public static void UseTlsRedirect(this WebApplication app, ServerOptions options)
    {
        if (options.TlsRedirectPort is null)
        {
            return;
        }

        var settings = app.Services.GetRequiredService<SystemSettings>();
        app.Use((context, next) =>
        {
            var request = context.Request;
            if (request.IsHttps || OperatorConnection.Made(context))
            {
                return next(context);
            }

            var response = context.Response;
            if (request.Host.Host.Length == 0 || ForwardingHeaders.ToHost(request.Host.Host) is null)
            {
                response.StatusCode = StatusCodes.Status400BadRequest;
                return Task.CompletedTask;
            }

            // 308 keeps the method. Ports may be mapped on the way, which only the address of the settings knows.
            var isKnown = Uri.TryCreate(settings.SiteBaseUrl, UriKind.Absolute, out var site) && site.Scheme == "https";
            var port = isKnown ? site!.Port : options.Port;
            var host = port is 443 or 0 ? new HostString(request.Host.Host) : new HostString(request.Host.Host, port);
            response.StatusCode = StatusCodes.Status308PermanentRedirect;
            response.Headers.Location = $"https://{host}{request.PathBase}{request.Path}{request.QueryString}";
            response.Headers.CacheControl = "no-store"; // the port may change with the settings
            return Task.CompletedTask;
        });
    }
}
