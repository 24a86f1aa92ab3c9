using System.Net;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>Tells an administrator how far a test of a connection came: each hop, the one that failed, and what to do about it.</summary>
internal static class ConnectionCheck
{
    private const string Passed = "passed";
    private const string Failed = "failed";
    private const string NotReached = "not_reached";

    private static readonly string[] Listing = ["answer", "path", "key", "models"];
    private static readonly string[] Searching = ["answer", "key"];

    /// <summary>The report of a test that listed the provider's models.</summary>
    /// <param name="endpoint">What was tested.</param>
    /// <param name="isKeyProven">False when the provider lists no models, so that only its answer was seen.</param>
    public static CheckReport Success(ProviderEndpoint endpoint, bool isKeyProven)
    {
        var proxy = ProxyOf(endpoint);
        var hops = Hops(endpoint, proxy is not null, Listing)
            .Select(hop => new CheckHop(hop, !isKeyProven && hop is ("path" or "key" or "models") ? NotReached : Passed));
        return new CheckReport(null, [.. hops], proxy?.Address, null, null, null);
    }

    public static CheckReport Failure(ProviderEndpoint endpoint, ProviderException error)
    {
        var hop = HopOf(error);
        return Failure(endpoint, error, hop, Listing, CheckAdvice.For(hop, error, endpoint));
    }

    /// <summary>The report of a test of the web search.</summary>
    public static CheckReport SearchSuccess(ProviderEndpoint endpoint)
    {
        var proxy = ProxyOf(endpoint);
        var hops = Hops(endpoint, proxy is not null, Searching).Select(hop => new CheckHop(hop, Passed));
        return new CheckReport(null, [.. hops], proxy?.Address, null, null, null);
    }

    /// <summary>The report of a test of the web search that failed.</summary>
    /// <param name="endpoint">Null when the settings name none.</param>
    public static CheckReport SearchFailure(ProviderEndpoint? endpoint, ProviderException error)
    {
        if (endpoint is null)
        {
            return new CheckReport(null, [], null, null, null, null) { Reason = error.Reason?.Code };
        }

        // A server without a key refuses what its own settings do not allow, such as answers in JSON.
        var found = HopOf(error);
        var hop = found is "path" or "models" || (found == "key" && endpoint.ApiKey is null) ? "answer" : found;
        var advice = hop == "answer" && error.Failure is not (ProviderFailure.ServerError or ProviderFailure.FirstByteTimeout)
            ? "check_search" : CheckAdvice.For(hop, error, endpoint);
        return Failure(endpoint, error, hop, Searching, advice);
    }

    private static CheckReport Failure(ProviderEndpoint endpoint, ProviderException error, string hop, string[] last, string advice)
    {
        var proxy = ProxyOf(endpoint);
        var names = Hops(endpoint, proxy is not null || hop == "proxy", last);
        var at = names.IndexOf(hop);
        var hops = names.Select((name, index) => new CheckHop(name, index < at ? Passed : index == at ? Failed : NotReached));
        return new CheckReport(hop, [.. hops], proxy?.Address, advice, CheckAdvice.Text(advice), CertificateView.Of(error.Certificate))
        {
            Reason = error.Reason?.Code,
            ReasonValue = error.Reason?.Value,
            Quote = error.IsQuoted ? error.Detail : null,
        };
    }

    /// <summary>The hops in the order in which a test takes them. Through a proxy the proxy resolves and connects.</summary>
    private static List<string> Hops(ProviderEndpoint endpoint, bool hasProxy, string[] last)
    {
        var url = endpoint.BaseUrl;
        List<string> hops = hasProxy ? ["proxy"] : IPAddress.TryParse(url.IdnHost, out _) ? ["connect"] : ["dns", "connect"];
        if (url.Scheme == Uri.UriSchemeHttps)
        {
            hops.Add("tls");
        }

        hops.AddRange(last);
        return hops;
    }

    private static string HopOf(ProviderException error) => (error.Hop, error.Failure) switch
    {
        (CallHop.Dns, _) => "dns",
        (CallHop.Proxy, _) or (null, ProviderFailure.Proxy) => "proxy",
        (CallHop.Connect, _) => "connect",
        (null, ProviderFailure.Blocked or ProviderFailure.Unreachable or ProviderFailure.ConnectTimeout) => "connect",
        (CallHop.Tls, _) => "tls",
        (null, ProviderFailure.Unauthorized or ProviderFailure.QuotaExhausted or ProviderFailure.RateLimited) => "key",
        (null, ProviderFailure.Redirected or ProviderFailure.ModelNotFound) => "path",
        (null, _) when error.UpstreamStatus is 404 or 405 => "path",
        (null, ProviderFailure.Protocol or ProviderFailure.TooLarge) => "models",
        _ => "answer",
    };

    private static OutboundProxy? ProxyOf(ProviderEndpoint endpoint)
    {
        try
        {
            return endpoint.Proxies.For(endpoint.BaseUrl, endpoint.Scope);
        }
        catch (ProviderException)
        {
            return null; // the test failed with the same reason
        }
    }
}

/// <param name="Hop">The hop that failed; null after a success.</param>
/// <param name="Hops">Every hop of the way, in order.</param>
/// <param name="Via">The proxy that the connection goes through, without its credential; null when it is made directly.</param>
/// <param name="AdviceCode">What to do, as a stable word; null after a success.</param>
/// <param name="Advice">The same in English.</param>
/// <param name="Certificate">The certificate that was refused.</param>
public sealed record CheckReport(
    string? Hop, IReadOnlyList<CheckHop> Hops, string? Via, string? AdviceCode, string? Advice, CertificateView? Certificate)
{
    /// <summary>Why the hop failed, as a stable word; null where the code of the failure says all.</summary>
    public string? Reason { get; init; }

    /// <summary>What the reason names: a status, a day.</summary>
    public string? ReasonValue { get; init; }

    /// <summary>The words of the provider itself, in its own language.</summary>
    public string? Quote { get; init; }
}

/// <param name="Hop">dns, proxy, connect, tls, answer, path, key or models.</param>
/// <param name="State">passed, failed or not_reached.</param>
public sealed record CheckHop(string Hop, string State);

/// <param name="Problem">
/// self_signed, unknown_issuer, name_mismatch, expired, not_yet_valid, chain_expired, short_key, bad_signature or other.
/// </param>
/// <param name="Chain">The subjects from the certificate itself upwards.</param>
public sealed record CertificateView(
    string Problem, string Subject, string Issuer, DateTimeOffset NotBefore, DateTimeOffset NotAfter, IReadOnlyList<string> Names,
    IReadOnlyList<string> Chain)
{
    internal static CertificateView? Of(CertificateFacts? facts) => facts is null ? null
        : new(facts.Problem, facts.Subject, facts.Issuer, facts.NotBefore, facts.NotAfter, facts.Names, facts.Chain);
}
