using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Prevents cross-site request forgery. A request that changes something and has our cookie, or asks for one, must come from our own page.
/// The first rule that applies decides:
/// <list type="number">
/// <item>Sec-Fetch-Site: same-origin or none is ours, anything else is not. Browsers send it over HTTPS and to localhost.</item>
/// <item>No Origin: not a browser. A script that has the cookie has the account anyway; SameSite=Lax is the second barrier.</item>
/// <item>Origin "null" or not an http address: not ours.</item>
/// <item>X-Requested-With is present: ours, because our page sends it and a page of another site cannot. That needs a CORS preflight, and
/// <see cref="CrossOrigin"/> never allows this header. So the page works behind a proxy that hides its name.</item>
/// <item>Origin is the site address of the settings, or names the host and port of Host or X-Forwarded-Host: ours. The scheme is not
/// compared, because TLS may end at a proxy. X-Forwarded-Host counts from any client, because no page can send it to another site.</item>
/// <item>Origin names the host, and Host (or X-Forwarded-Host) lost its port at a proxy, as with $host of nginx: ours, or another service
/// on that machine. So a POST, the only method that a page may send without a preflight, must be JSON, which needs a preflight.</item>
/// </list>
/// Everything else is refused. Requests with a token in a header are exempt, because no browser adds one by itself.
/// </summary>
internal static class SameOrigin
{
    /// <summary>Our page; our page or another service on the same host; another site.</summary>
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

    /// <summary>Only administrators may call the endpoint that routing found.</summary>
    public static bool IsForAdmins(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<AllowedFor>()?.Access == Access.Admin;

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
        var names = context.Client().Names.Where(name => origin.Host.Equals(name.Host, StringComparison.OrdinalIgnoreCase)).ToList();
        if (names.Any(name => name.Port is { } port ? port == origin.Port : origin.IsDefaultPort))
        {
            return Source.Own;
        }

        // A browser omits only the default port of the scheme. When the server listens on another or is behind a proxy, the port was lost.
        var lostPort = context.Connection.LocalPort is not (80 or 443) || context.Client().Names.Count > 1;
        return lostPort && names.Any(name => name.Port is null) ? Source.SameHost : Source.Foreign;
    }

    private static bool HasBody(HttpContext context) => context.Request.ContentLength > 0
        || (context.Request.ContentLength is null && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true);

    private static bool IsJson(HttpRequest request) =>
        request.ContentType is { } type && type.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase);

    /// <summary>The member "origin" of the errors tells the page that the reason is not a missing right.</summary>
    private static Problem Refused(HttpContext context)
    {
        var reason = Reason(context);
        return new Problem(403, "forbidden", reason) { Errors = new Dictionary<string, string[]> { ["origin"] = [reason] } };
    }

    private static string Reason(HttpContext context)
    {
        var headers = context.Request.Headers;
        var client = context.Client();
        if (headers["Sec-Fetch-Site"] is { Count: > 0 } site)
        {
            return $"This request comes from another site: the browser says Sec-Fetch-Site: {Shown(site.ToString())}.";
        }

        var seen = $"Origin is {Shown(headers.Origin.ToString())}, Host is {Shown(client.Names[0].ToString())}, "
            + (client.Names.Count > 1 ? $"X-Forwarded-Host is {Shown(client.Names[1].ToString())}" : "there is no X-Forwarded-Host");
        var proxy = client.Proxy is { } address ? $"; the proxy at {address} is not in TRUSTED_PROXIES" : "";
        return $"This request seems to come from another site: {seen}{proxy}. If it is this site's own page, let the proxy pass its name "
            + "on (nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On) or enter the site address in the settings.";
    }

    /// <summary>What the client sent, short and in one line.</summary>
    private static string Shown(string sent) => sent.Length == 0
        ? "empty"
        : string.Concat(sent.Take(100).Select(c => c is > ' ' and <= '~' ? c : '?')) + (sent.Length > 100 ? "..." : "");
}
