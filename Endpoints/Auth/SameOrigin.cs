using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Keeps other sites from acting with a visitor's cookie. A request that changes something and comes with our cookie (or asks for
/// one) must come from our own page. The first of these that applies decides:
/// <list type="number">
/// <item>Sec-Fetch-Site: same-origin or none is ours, anything else is not. Browsers send it over HTTPS and to localhost.</item>
/// <item>No Origin: not a browser. A script that holds the cookie holds the account anyway; SameSite=Lax is the second fence.</item>
/// <item>Origin "null" or not an http address: not ours.</item>
/// <item>X-Requested-With is there: ours, because our page sends it and another site's page cannot. A browser asks first whether it may
/// (CORS preflight), and <see cref="CrossOrigin"/> never allows this header. So the page works behind a proxy that hides its name.</item>
/// <item>Origin is the site address of the settings, or names the host and port of Host or X-Forwarded-Host: ours. The scheme is not
/// compared, because TLS may end at a proxy. X-Forwarded-Host counts from everybody: no page can send it to another site either.</item>
/// <item>Origin names the host, and Host (or X-Forwarded-Host) has lost its port at a proxy, as by nginx's $host: ours, but it may be
/// another service on that machine. So a POST, the one method that a page may send without asking, must be JSON, which it may not.</item>
/// </list>
/// Everything else is refused. Requests with a token in a header are exempt: no browser adds that by itself.
/// </summary>
internal static class SameOrigin
{
    /// <summary>Ours, ours or a neighbour's on the same machine, or another site's.</summary>
    private enum Source
    {
        Own,
        SameHost,
        Foreign,
    }

    public static Problem? Check(HttpContext context, bool headerCredential, string? siteUrl)
    {
        var request = context.Request;
        if (IsForAdmins(context) && request.Headers.Origin.Count > 0 && SourceOf(context, siteUrl) == Source.Foreign)
        {
            return Refused(context);
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

        var source = SourceOf(context, siteUrl);
        if (source == Source.Foreign)
        {
            return Refused(context);
        }

        var mustBeJson = hasCookie && metadata?.GetMetadata<UploadMetadata>() is null
            && (HasBody(context) || (source == Source.SameHost && HttpMethods.IsPost(request.Method)));
        return mustBeJson && !IsJson(request) ? Problems.Forbidden("Send application/json.") : null;
    }

    /// <summary>Only administrators may call the endpoint that was found.</summary>
    public static bool IsForAdmins(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<AllowedFor>()?.Access == Access.Admin;

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    private static Source SourceOf(HttpContext context, string? siteUrl)
    {
        var headers = context.Request.Headers;
        if (headers["Sec-Fetch-Site"] is { Count: > 0 } site)
        {
            return site.ToString() is "same-origin" or "none" ? Source.Own : Source.Foreign;
        }

        if (headers.Origin.Count == 0)
        {
            return Source.Own;
        }

        if (!Uri.TryCreate(headers.Origin.ToString(), UriKind.Absolute, out var origin) || origin.Scheme is not ("http" or "https"))
        {
            return Source.Foreign;
        }

        return headers["X-Requested-With"].Count > 0 || IsSite(origin, siteUrl) ? Source.Own : ByName(context, origin);
    }

    private static bool IsSite(Uri origin, string? siteUrl) =>
        Uri.TryCreate(siteUrl, UriKind.Absolute, out var own) && origin.Authority.Equals(own.Authority, StringComparison.OrdinalIgnoreCase);

    private static Source ByName(HttpContext context, Uri origin)
    {
        var names = context.Caller().Names.Where(name => origin.Host.Equals(name.Host, StringComparison.OrdinalIgnoreCase)).ToList();
        if (names.Any(name => name.Port is { } port ? port == origin.Port : origin.IsDefaultPort))
        {
            return Source.Own;
        }

        // A browser leaves out only the port that belongs to the scheme. Where we listen on another, or a proxy speaks, it got lost.
        var lostPort = context.Connection.LocalPort is not (80 or 443) || context.Caller().Names.Count > 1;
        return lostPort && names.Any(name => name.Port is null) ? Source.SameHost : Source.Foreign;
    }

    private static bool HasBody(HttpContext context) =>
        context.Request.ContentLength > 0 || (context.Request.ContentLength is null && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true);

    private static bool IsJson(HttpRequest request) =>
        request.ContentType is { } type && type.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase);

    /// <summary>The errors' member "origin" tells the page that this is not about rights.</summary>
    private static Problem Refused(HttpContext context)
    {
        var reason = Reason(context);
        return new Problem(403, "forbidden", reason) { Errors = new Dictionary<string, string[]> { ["origin"] = [reason] } };
    }

    private static string Reason(HttpContext context)
    {
        var headers = context.Request.Headers;
        var caller = context.Caller();
        if (headers["Sec-Fetch-Site"] is { Count: > 0 } site)
        {
            return $"This request comes from another site: the browser says Sec-Fetch-Site: {Shown(site.ToString())}.";
        }

        var seen = $"Origin is {Shown(headers.Origin.ToString())}, Host is {Shown(caller.Names[0].ToString())}, "
            + (caller.Names.Count > 1 ? $"X-Forwarded-Host is {Shown(caller.Names[1].ToString())}" : "there is no X-Forwarded-Host");
        var proxy = caller.Proxy is { } address ? $"; the proxy at {address} is not in TRUSTED_PROXIES" : "";
        return $"This request seems to come from another site: {seen}{proxy}. If it is this site's own page, let the proxy pass its name on "
            + "(nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On) or enter the site address in the settings.";
    }

    /// <summary>What the caller sent, short and in one line.</summary>
    private static string Shown(string sent) =>
        sent.Length == 0 ? "empty" : string.Concat(sent.Take(100).Select(c => c is > ' ' and <= '~' ? c : '?')) + (sent.Length > 100 ? "..." : "");
}
