using Microsoft.Extensions.Primitives;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Lets pages of the listed origins call with a token of their own. Never with cookies, never *, and off unless the operator lists
/// an origin. What administrators call stays closed (see <see cref="SameOrigin"/>).
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
                    // The other headers of ours say same-origin; this answer is for that page too.
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin";
                }

                return Task.CompletedTask;
            });
            if (!allowed || !HttpMethods.IsOptions(context.Request.Method) || !context.Request.Headers.ContainsKey("Access-Control-Request-Method"))
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
