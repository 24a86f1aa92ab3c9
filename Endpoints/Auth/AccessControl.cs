using System.Security.Cryptography;
using System.Text;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Runs between routing and every handler: resolves the user, refuses requests of other sites, applies the request limits, and admits whom
/// the endpoint allows. An endpoint that does not declare whom it allows refuses everybody.
/// </summary>
internal sealed class AccessControl(Credentials credentials, RequestLimits limits, SystemSettings settings, ServerOptions options)
{
    private readonly byte[]? _metricsToken = options.MetricsToken is { } token ? Encoding.UTF8.GetBytes($"Bearer {token}") : null;

    /// <summary>The refusal, or null when the handler may run; then the user, if there is one, is a feature of the context.</summary>
    public async ValueTask<Problem?> Check(HttpContext context, Endpoint endpoint)
    {
        var credential = await credentials.Resolve(context);
        if (SameOrigin.Check(context, credential.InHeader, settings.SiteBaseUrl) is { } foreign)
        {
            return foreign;
        }

        var user = credential.KeyOutOfScope ? null : Admitted(context, endpoint, credential);
        if (limits.Check(context, user is { IsVisitor: true } ? null : credential.User) is { } tooMany)
        {
            return tooMany;
        }

        // The answers of routing itself (405, 415) are endpoints without a route.
        var access = endpoint.Metadata.GetMetadata<AllowedFor>()?.Access;
        if (credential.User is { IsOperator: true } && endpoint.Metadata.GetMetadata<OpenToOperator>() is not null)
        {
            access = Access.Operator;
        }

        if (endpoint is RouteEndpoint && !OpensByMetricsToken(context, endpoint) && Refusal(access, credential, user) is { } refusal)
        {
            return refusal.Status != 401 || !VendorErrors.ApplyTo(context.Request.Path) ? refusal
                : credential.InHeader ? Problems.WrongKey() : Problems.NoKey();
        }

        if (user is { IsVisitor: true } && Writes(context) && endpoint.Metadata.GetMetadata<VisitorsMetadata>() is null)
        {
            return Problems.Forbidden("Start a chat first.");
        }

        if (user is not null)
        {
            context.Features.Set(user);
        }

        return null;
    }

    private bool OpensByMetricsToken(HttpContext context, Endpoint endpoint) =>
        _metricsToken is not null && endpoint.Metadata.GetMetadata<OpenToMetricsToken>() is not null
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(context.Request.Headers.Authorization.ToString()), _metricsToken);

    /// <summary>
    /// The user of the credential. While guests are allowed, a request without a credential or with an expired guest token is a visitor.
    /// </summary>
    private CurrentUser? Admitted(HttpContext context, Endpoint endpoint, Credential credential)
    {
        if (credential.User is { IsGuest: false })
        {
            return credential.User;
        }

        if (settings.AnonymousDailyQuota == 0 || credential.InHeader || Cookies.Access(context.Request) is not null)
        {
            return null;
        }

        var mayVisit = endpoint.Metadata.GetMetadata<AllowedFor>()?.Access == Access.Any;
        return credential.User ?? (mayVisit ? CurrentUser.Visitor(context.Client()) : null);
    }

    private static bool Writes(HttpContext context) =>
        !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method);

    private static Problem? Refusal(Access? access, Credential credential, CurrentUser? user)
    {
        if (access == Access.Public)
        {
            return null;
        }

        if (access == Access.Operator)
        {
            return user is { IsOperator: true } ? null : Problems.NotFound();
        }

        if (credential.KeyOutOfScope)
        {
            return Problems.Forbidden("This key does not open this.");
        }

        if (user is null || (user.IsGuest && access != Access.Any))
        {
            return Problems.Unauthenticated();
        }

        return access switch
        {
            Access.Any or Access.User => user.IsOperator ? Problems.Forbidden("The command line has no chats of its own.") : null,
            Access.Admin => user.IsAdmin ? null : Problems.Forbidden(),
            _ => Problems.Forbidden(),
        };
    }
}

internal static class AccessControlExtensions
{
    /// <summary>Comes after routing. A path without an endpoint passes and becomes 404.</summary>
    public static void UseAccessControl(this WebApplication app)
    {
        var control = app.Services.GetRequiredService<AccessControl>();
        app.Use(async (context, next) =>
        {
            if (context.GetEndpoint() is { } endpoint && await control.Check(context, endpoint) is { } problem)
            {
                await problem.ExecuteAsync(context);
                return;
            }

            await next(context);
        });
    }
}
