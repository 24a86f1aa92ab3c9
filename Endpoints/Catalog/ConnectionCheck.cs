using System.Net;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>Tells an administrator how far a test of a connection came: each hop, the one that failed, and what to do about it.</summary>
internal static class ConnectionCheck
{
    private const string Passed = "passed";
    private const string Failed = "failed";
    private const string NotReached = "not_reached";

    /// <summary>The report of a test that listed the provider's models.</summary>
    /// <param name="endpoint">What was tested.</param>
    /// <param name="isKeyProven">False when the provider lists no models, so that only its answer was seen.</param>
    public static CheckReport Success(ProviderEndpoint endpoint, bool isKeyProven)
    {
        var proxy = ProxyOf(endpoint);
        var hops = Hops(endpoint, proxy is not null)
            .Select(hop => new CheckHop(hop, !isKeyProven && hop is ("path" or "key" or "models") ? NotReached : Passed));
        return new CheckReport(null, [.. hops], proxy?.Address, null, null, null);
    }

    public static CheckReport Failure(ProviderEndpoint endpoint, ProviderException error)
    {
        var proxy = ProxyOf(endpoint);
        var hop = HopOf(error);
        var names = Hops(endpoint, proxy is not null || hop == "proxy");
        var at = names.IndexOf(hop);
        var hops = names.Select((name, index) => new CheckHop(name, index < at ? Passed : index == at ? Failed : NotReached));
        var advice = CheckAdvice.For(hop, error, endpoint);
        return new CheckReport(hop, [.. hops], proxy?.Address, advice, CheckAdvice.Text(advice), CertificateView.Of(error.Certificate));
    }

    /// <summary>The hops in the order in which a test takes them. Through a proxy the proxy resolves and connects.</summary>
    private static List<string> Hops(ProviderEndpoint endpoint, bool hasProxy)
    {
        var url = endpoint.BaseUrl;
        List<string> hops = hasProxy ? ["proxy"] : IPAddress.TryParse(url.IdnHost, out _) ? ["connect"] : ["dns", "connect"];
        if (url.Scheme == Uri.UriSchemeHttps)
        {
            hops.Add("tls");
        }

        hops.AddRange(["answer", "path", "key", "models"]);
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
    string? Hop, IReadOnlyList<CheckHop> Hops, string? Via, string? AdviceCode, string? Advice, CertificateView? Certificate);

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
