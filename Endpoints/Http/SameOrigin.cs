using Microsoft.AspNetCore.Http.Features;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Keeps other sites from acting with a visitor's cookie. A request that changes something and comes with our cookie (or asks for
/// one) must come from our own page. Which page it comes from, browsers say in Sec-Fetch-Site and, where that is missing (plain HTTP
/// on a LAN), in Origin, which all of them send with every cross-site POST. A request with neither is no browser's, and a script
/// that holds the cookie holds the account anyway; SameSite=Lax is the second fence. Requests with a token in a header are exempt:
/// no browser adds that by itself.
/// </summary>
internal static class SameOrigin
{
    public static Problem? Check(HttpContext context, bool headerCredential, string? siteUrl)
    {
        var request = context.Request;
        if (IsForAdmins(context) && request.Headers.Origin.Count > 0 && !FromOurPage(request, siteUrl))
        {
            return Refused();
        }

        if (headerCredential || IsSafe(request.Method))
        {
            return null;
        }

        var metadata = context.GetEndpoint()?.Metadata;
        var hasCookie = Cookies.AnyIn(request);
        if (!hasCookie && metadata?.GetMetadata<SetsCookiesMetadata>() is null)
        {
            return null;
        }

        if (!FromOurPage(request, siteUrl))
        {
            return Refused();
        }

        var mustBeJson = hasCookie && metadata?.GetMetadata<UploadMetadata>() is null;
        return mustBeJson && HasBody(context) && !IsJson(request)
            ? Problems.Forbidden("Send application/json.")
            : null;
    }

    /// <summary>Only administrators may call the endpoint that was found.</summary>
    public static bool IsForAdmins(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<AllowedFor>()?.Access == Access.Admin;

    private static Problem Refused() => Problems.Forbidden("This request comes from another site.");

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    private static bool FromOurPage(HttpRequest request, string? siteUrl)
    {
        var site = request.Headers["Sec-Fetch-Site"];
        if (site.Count > 0)
        {
            return site.ToString() is "same-origin" or "none";
        }

        var origin = request.Headers.Origin;
        if (origin.Count == 0)
        {
            return true;
        }

        // "null" (sandboxed frames, files) does not parse and is refused. The scheme is not compared: TLS may end at a proxy.
        return Uri.TryCreate(origin.ToString(), UriKind.Absolute, out var from)
            && from.Scheme is "http" or "https"
            && (IsHost(from, request.Host)
                || (siteUrl is not null && Uri.TryCreate(siteUrl, UriKind.Absolute, out var own) && from.Authority.Equals(own.Authority, StringComparison.OrdinalIgnoreCase)));
    }

    private static bool IsHost(Uri origin, HostString host) =>
        origin.Host.Equals(host.Host, StringComparison.OrdinalIgnoreCase)
        && (host.Port is { } port ? port == origin.Port : origin.IsDefaultPort);

    private static bool HasBody(HttpContext context) =>
        context.Request.ContentLength > 0 || (context.Request.ContentLength is null && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true);

    private static bool IsJson(HttpRequest request) =>
        request.ContentType is { } type && type.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase);
}
