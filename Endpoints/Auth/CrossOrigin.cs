using Microsoft.Extensions.Primitives;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Allows pages of the origins in CORS_ORIGIN to call the API with a token of their own; never with cookies and never for *. Off unless the
/// operator lists an origin. Routes of administrators stay closed (see <see cref="SameOrigin"/>).
/// </summary>
internal static class CrossOrigin
{
    public static void UseCrossOrigin(this WebApplication app)
    {
        var origins = app.Services.GetRequiredService<ServerOptions>().CorsOrigins;
        if (origins.Count == 0)
        {
            return;
        }

        app.Use((context, next) =>
        {
            var origin = context.Request.Headers.Origin.ToString();
            var allowed = origins.Contains(origin, StringComparer.Ordinal);
            context.Response.OnStarting(() =>
            {
                var headers = context.Response.Headers;
                headers.Vary = StringValues.Concat(headers.Vary, "Origin");
                if (allowed && !SameOrigin.IsForAdmins(context))
                {
                    headers.AccessControlAllowOrigin = origin;
                    headers.AccessControlExposeHeaders = "X-Request-Id, Retry-After";
                    // SecurityHeaders says same-origin, which would forbid the listed page to read the response.
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin";
                }

                return Task.CompletedTask;
            });
            var preflight = HttpMethods.IsOptions(context.Request.Method)
                && context.Request.Headers.ContainsKey("Access-Control-Request-Method");
            if (!allowed || !preflight)
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status204NoContent;
            context.Response.Headers.AccessControlAllowMethods = "GET, HEAD, POST, PUT, PATCH, DELETE";
            context.Response.Headers.AccessControlAllowHeaders = "Authorization, Content-Type, X-Api-Key, Last-Event-ID";
            context.Response.Headers.AccessControlMaxAge = "600";
            return Task.CompletedTask;
        });
    }
}
