using System.Net;
using AiChat.Data;
using AiChat.Endpoints.Variables;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiChat.Endpoints.Http;

/// <summary>The limits of Kestrel. Routes that take more raise the body limit for themselves.</summary>
internal static class WebServer
{
    /// <summary>Bytes of a request's body, unless its route allows more.</summary>
    public const long DefaultBody = 64 * 1024;

    /// <summary>Bytes of a chat message: 100,000 characters of at most six bytes of JSON each, and the rest of the request.</summary>
    public const long MessageBody = 1024 * 1024;

    /// <param name="withOperator">Commands reach it too.</param>
    public static void AddWebServer(
        this WebApplicationBuilder builder, ServerOptions options, ListenSockets sockets, bool withOperator = true)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.AllowSynchronousIO = false;
            kestrel.Limits.MaxRequestBodySize = DefaultBody;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.MaxRequestLineSize = 4 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(75);
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(1024, TimeSpan.FromSeconds(5));
            kestrel.Limits.MaxConcurrentConnections = Capacity.Connections;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 64;
            if (!options.ForCommand)
            {
                Listen(kestrel, options);
            }

            if (withOperator)
            {
                kestrel.Listen(OperatorConnection.EndPoint); // last: the address of the page is the first
            }
        });

        if (options.ForCommand)
        {
            builder.Services.AddSingleton<OperatorPipe>();
        }

        if (withOperator)
        {
            builder.Services.AddSingleton<OperatorListeners>();
        }

        if (options.TlsCertificateFile is not null && !options.ForCommand)
        {
            builder.Services.AddSingleton<TlsCertificate>();
            builder.Services.AddHostedService(services => services.GetRequiredService<TlsCertificate>());
        }

        builder.Services.AddSingleton(sockets);
        builder.Services.AddSingleton<ConnectionListeners>();

        // Kestrel listens with the factory that was added last.
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<ConnectionListeners>());
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownGrace + TimeSpan.FromSeconds(4));
    }

    /// <summary>The addresses that browsers and other programs reach, not the one of the command line.</summary>
    public static IEnumerable<string> Addresses(IServer server) =>
        server.Features.Get<IServerAddressesFeature>()?.Addresses.Where(address => !address.Contains("://unix:")) ?? [];

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        if (options.TlsCertificateFile is null)
        {
            Listen(kestrel, options.Host, options.Port, _ => { });
            return;
        }

        var certificate = kestrel.ApplicationServices.GetRequiredService<TlsCertificate>();
        Listen(kestrel, options.Host, options.Port, listen =>
        {
            listen.AnswerPlainHttp();
            listen.UseHttps(certificate.Handshake);
        });
        if (options.TlsRedirectPort is { } plain)
        {
            Listen(kestrel, options.Host, plain, _ => { });
        }
    }

    private static void Listen(KestrelServerOptions kestrel, string? host, int port, Action<ListenOptions> configure)
    {
        if (host is null or "0.0.0.0" or "::" or "*")
        {
            if (port == 0 || host == "0.0.0.0")
            {
                kestrel.Listen(IPAddress.Any, port, configure);
            }
            else
            {
                kestrel.ListenAnyIP(port, configure);
            }
        }
        else if (IPAddress.TryParse(host, out var address))
        {
            kestrel.Listen(address, port, configure);
        }
        else if (host == "localhost")
        {
            kestrel.Listen(IPAddress.Loopback, port, configure);
        }
        else
        {
            throw new StartupException(StartupException.Configuration, $"HOST is wrong: {host} is not an address of this machine.");
        }
    }
}
