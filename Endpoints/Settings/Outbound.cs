using AiChat.Endpoints.Secrets;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// Which proxy the connections of this server take: the choice of the connection, else that of the server, else what the environment says.
/// Safe for any number of threads.
/// </summary>
internal sealed partial class Outbound(SystemSettings settings, ServerOptions options, Redactor redactor, ILogger<Outbound> logger)
    : IHostedService
{
    private volatile Parsed? _last;

    /// <summary>The route of everything that makes no choice of its own, such as web search.</summary>
    public ProxyRoute Route
    {
        get
        {
            var (choice, except) = (settings.OutboundProxy, settings.NoProxy);
            var last = _last;
            if (last is null || last.Choice != choice || !ReferenceEquals(last.Except, except))
            {
                _last = last = new Parsed(choice, except, Read(choice, except));
            }

            return last.Route;
        }
    }

    /// <summary>The route of a connection with this choice.</summary>
    /// <param name="choice"><c>inherit</c>, <c>none</c> or an address in clear; null when it cannot be read on this installation.</param>
    public ProxyRoute RouteOf(string? choice) => choice switch
    {
        ProxySetting.Inherit => Route,
        ProxySetting.None => ProxyRoute.Direct,
        { } address => ProxyRoute.Through("The proxy of this connection", address),
        null => Unreadable("The proxy of this connection"),
    };

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var choice in options.Proxies.Choices)
        {
            foreach (var secret in choice.Proxy?.Secrets ?? [])
            {
                redactor.Add(secret);
            }
        }

        foreach (var choice in Route.Choices)
        {
            if (choice.Broken is { } broken)
            {
                LogBroken(logger, broken);
            }
            else
            {
                var except = settings.NoProxy is { Count: > 0 } list ? $", except: {string.Join(", ", list)}" : "";
                LogProxy(logger, choice.Proxy!.Address, choice.Source, except);
            }
        }

        CertificateTrust.Use(options.CertFile, options.CertDir);
        if (CertificateTrust.FaultOf(options.CertFile, options.CertDir) is { } fault)
        {
            LogTrustFault(logger, fault);
        }

        if (Route is { Https: null, Http: not null })
        {
            LogOnlyHttp(logger);
        }

        if (Route.Except.Unreadable.ToList() is { Count: > 0 } unreadable)
        {
            LogUnreadable(logger, string.Join(", ", unreadable));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private ProxyRoute Read(string? choice, IReadOnlyList<string> except) => (choice switch
    {
        ProxySetting.Inherit => options.Proxies,
        ProxySetting.None => ProxyRoute.Direct,
        { } address => ProxyRoute.Through("The setting outboundProxy", address),
        null => Unreadable("The setting outboundProxy"),
    }) with
    {
        Except = new NoProxyList(except),
    };

    private static ProxyRoute Unreadable(string source)
    {
        var choice = new ProxyChoice(source, null, $"{source} cannot be read on this installation. Enter it again.");
        return new ProxyRoute { Http = choice, Https = choice };
    }

    [LoggerMessage(LogLevel.Information, "Providers are reached through the proxy {Proxy} ({Source}){Except}")]
    private static partial void LogProxy(ILogger logger, string proxy, string source, string except);

    [LoggerMessage(LogLevel.Warning, "{Reason} No provider is reached until it is corrected")]
    private static partial void LogBroken(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Warning, "{Fault} Certificates of providers will be refused")]
    private static partial void LogTrustFault(ILogger logger, string fault);

    [LoggerMessage(LogLevel.Warning, "HTTP_PROXY is for http targets only: set HTTPS_PROXY for providers with https")]
    private static partial void LogOnlyHttp(ILogger logger);

    [LoggerMessage(LogLevel.Warning, "Entries of NO_PROXY that match nothing: {Entries}")]
    private static partial void LogUnreadable(ILogger logger, string entries);

    private sealed record Parsed(string? Choice, IReadOnlyList<string> Except, ProxyRoute Route);
}

/// <summary>The text of a choice: <c>inherit</c>, <c>none</c> or the address of a proxy in clear.</summary>
internal static class OutboundText
{
    /// <summary>With the password masked.</summary>
    public static string Show(string choice) =>
        choice is ProxySetting.Inherit or ProxySetting.None ? choice : OutboundProxy.Parse(choice, out _)?.Shown ?? "";

    public static IEnumerable<string> Secrets(string choice) =>
        choice is ProxySetting.Inherit or ProxySetting.None ? [] : OutboundProxy.Parse(choice, out _)?.Secrets ?? [];
}
