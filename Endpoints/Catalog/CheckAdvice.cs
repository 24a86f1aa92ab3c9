using System.Net;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Catalog;

/// <summary>What to do about a hop that failed. The page translates the words; scripts and logs have the English.</summary>
internal static class CheckAdvice
{
    private static readonly Dictionary<string, string> Texts = new(StringComparer.Ordinal)
    {
        ["check_host"] = "Check the spelling of the address. If names of the internet are resolved only by a proxy here, set one "
            + "(Settings, Network and streaming, or HTTPS_PROXY).",
        ["check_local_name"] = "Check the name. A container is known by its name only to containers of the same network, and "
            + "host.docker.internal needs extra_hosts: host.docker.internal:host-gateway.",
        ["localhost_is_here"] = "localhost is the machine or container that this server runs in. From a container, use "
            + "host.docker.internal or the other container's name, and let that service listen on all addresses.",
        ["check_service"] = "Check that the service runs and that its port is right.",
        ["check_way_out"] = "Check the address and the firewall. If this network lets nothing out except through a proxy, set one "
            + "(Settings, Network and streaming, or HTTPS_PROXY).",
        ["allow_private"] = "Switch on private addresses for this connection if the provider stands in your own network.",
        ["check_proxy_address"] = "Check the proxy's address and port, and that it runs. From a container, localhost is not the host.",
        ["check_proxy_password"] = "Check the proxy's user name and password. Special characters may be escaped as %40 or not.",
        ["use_proxy_helper"] = "This proxy wants NTLM, Negotiate or Kerberos. Run a helper such as cntlm or px beside this server, which "
            + "signs in for it, and enter the helper's address as the proxy.",
        ["check_search"] = "Check the address of the search service, without /search at its end. SearXNG answers only when its "
            + "settings.yml allows the format json.",
        ["check_proxy_scheme"] = "Check the proxy's kind: http:// for an HTTP proxy (also for https providers), socks5h:// for SOCKS5.",
        ["check_proxy_rules"] = "The proxy forbids this target. Have it allowed, or list the target under NO_PROXY.",
        ["check_proxy_way_out"] = "The proxy works, but it cannot reach the provider. Check its own way out.",
        ["check_clock"] = "Check this server's clock: the certificate counts as not yet valid.",
        ["add_authority"] = "If you know this authority, such as one of your company that inspects TLS, paste its root certificate under "
            + "Certificate authority here, or name it in SSL_CERT_FILE for the whole server.",
        ["replace_authority"] = "The connection trusts only its own certificate authority, and another one signed this certificate. "
            + "Paste the root that signed it, or empty the field to trust the system's.",
        ["install_authorities"] = "This machine has no certificate authorities. Install ca-certificates, or set SSL_CERT_FILE.",
        ["check_host_name"] = "Use the host name that the certificate is for.",
        ["renew_certificate"] = "The provider must renew its certificate.",
        ["check_scheme"] = "Check the port, and whether the address begins with http:// instead of https://.",
        ["check_patience"] = "The service was reached and stays silent. Check its own log.",
        ["try_later"] = "The provider has trouble of its own. Try again later.",
        ["check_redirect"] = "Enter the address that the provider redirects to; often https:// instead of http://.",
        ["check_path"] = "Check the path of the address. Most OpenAI-compatible services have /v1 at the end, without /chat/completions.",
        ["check_key"] = "Check the key, and that it belongs to this provider and region.",
        ["check_account"] = "The key is right; its account has no credit left or is asked too often.",
        ["check_models"] = "The address answers, but not with a list of models. Check the path, or enter the model ids by hand.",
    };

    public static IReadOnlyCollection<string> Codes => Texts.Keys;

    public static string Text(string code) => Texts[code];

    public static string For(string hop, ProviderException error, ProviderEndpoint endpoint) => hop switch
    {
        "dns" => endpoint.Scope == NetworkScope.External ? "check_host" : "check_local_name",
        "proxy" => Proxy(error),
        "connect" => Connect(error, endpoint),
        "tls" => Tls(error.Certificate, endpoint),
        "path" => error.Failure == ProviderFailure.Redirected ? "check_redirect" : "check_path",
        "key" => error.Failure == ProviderFailure.Unauthorized ? "check_key" : "check_account",
        "models" => "check_models",
        _ => error.Failure == ProviderFailure.ServerError ? "try_later" : "check_patience",
    };

    private static string Proxy(ProviderException error) => (error.Trouble, error.Failure) switch
    {
        (CallTrouble.ProxySignIn, _) => "check_proxy_password",
        (CallTrouble.ProxyForeignSignIn, _) => "use_proxy_helper",
        (CallTrouble.ProxyRules, _) => "check_proxy_rules",
        (CallTrouble.ProxyKind, _) => "check_proxy_scheme",
        (CallTrouble.ProxyWayOut, _) => "check_proxy_way_out",
        (_, ProviderFailure.Tls) => error.Certificate is null ? "check_proxy_scheme" : Tls(error.Certificate, null),
        _ => "check_proxy_address",
    };

    private static string Connect(ProviderException error, ProviderEndpoint endpoint)
    {
        var host = endpoint.BaseUrl.IdnHost;
        var isHere = host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
        return error.Failure == ProviderFailure.Blocked ? "allow_private"
            : isHere ? "localhost_is_here"
            : endpoint.Scope == NetworkScope.External ? "check_way_out" : "check_service";
    }

    private static string Tls(CertificateFacts? certificate, ProviderEndpoint? endpoint) => certificate?.Problem switch
    {
        null => "check_scheme",
        "self_signed" or "unknown_issuer" => endpoint?.CaPem is not null ? "replace_authority"
            : CertificateTrust.SystemHasAuthorities() ? "add_authority" : "install_authorities",
        "name_mismatch" => "check_host_name",
        "not_yet_valid" => "check_clock",
        _ => "renew_certificate",
    };
}
