using System.Net;

namespace AiChat.Providers.Transport;

/// <summary>
/// Which proxy a call goes through, judged by the name and the port of its target alone, because the proxy resolves the name. A target
/// that the proxy could only reach inside somebody's private network never goes through it: it is connected to directly, where
/// <see cref="ProviderAddress"/> judges every address.
/// </summary>
internal sealed record ProxyRoute
{
    /// <summary>Domains that no public resolver knows (RFC 6761, 6762, 8375 and ICANN's internal).</summary>
    private static readonly string[] PrivateDomains = ["localhost", "local", "internal", "home.arpa", "lan", "intranet"];

    public static readonly ProxyRoute Direct = new();

    /// <summary>For http targets.</summary>
    public ProxyChoice? Http { get; init; }

    /// <summary>For https targets.</summary>
    public ProxyChoice? Https { get; init; }

    public NoProxyList Except { get; init; } = NoProxyList.Empty;

    /// <summary>The choices, each once.</summary>
    public IEnumerable<ProxyChoice> Choices => new[] { Https, Http }.OfType<ProxyChoice>().Distinct();

    public static ProxyRoute Through(string source, string text)
    {
        var choice = ProxyChoice.Read(source, text);
        return new ProxyRoute { Http = choice, Https = choice };
    }

    /// <summary>The proxies that the environment names, as Go reads them.</summary>
    /// <param name="http">For http targets.</param>
    /// <param name="https">For https targets.</param>
    /// <param name="all">In place of either.</param>
    public static ProxyRoute Of(ProxyChoice? http, ProxyChoice? https, ProxyChoice? all) =>
        new() { Http = http ?? all, Https = https ?? all };

    /// <summary>The proxy for this target; null means a direct connection.</summary>
    /// <exception cref="ProviderException">A proxy is asked for whose address cannot be read.</exception>
    public OutboundProxy? For(Uri target, NetworkScope scope)
    {
        var choice = target.Scheme == Uri.UriSchemeHttps ? Https : Http;
        if (choice is null || scope != NetworkScope.External || IsPrivate(target.IdnHost) || Except.Matches(target.IdnHost, target.Port))
        {
            return null;
        }

        return choice.Proxy ?? throw new ProviderException(ProviderFailure.Proxy, choice.Broken!)
        {
            Hop = CallHop.Proxy,
            Reason = new CallReason("proxy_setting"),
        };
    }

    /// <summary>An address that is not public, or a name that only a private network knows.</summary>
    private static bool IsPrivate(string host)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return ProviderAddress.Classify(address) != NetworkScope.External;
        }

        var name = host.TrimEnd('.');
        return !name.Contains('.')
            || Array.Exists(PrivateDomains, domain => name.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase));
    }
}

/// <summary>A proxy and who asked for it, or why what was asked for cannot be used.</summary>
internal sealed record ProxyChoice(string Source, OutboundProxy? Proxy, string? Broken)
{
    public static ProxyChoice Read(string source, string text) =>
        OutboundProxy.Parse(text, out var reason) is { } proxy
            ? new ProxyChoice(source, proxy, null)
            : new ProxyChoice(source, null, $"{source} cannot be used as a proxy: it {reason}.");
}
