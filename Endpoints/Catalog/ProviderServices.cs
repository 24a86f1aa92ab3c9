using System.Net;
using System.Net.NetworkInformation;
using AiChat.Endpoints.Http;
using AiChat.Providers;
using AiChat.Providers.Search;
using AiChat.Providers.Transport;
using Microsoft.AspNetCore.Hosting.Server;

namespace AiChat.Endpoints.Catalog;

/// <summary>The supported providers and the HTTP client they share.</summary>
internal static class ProviderServices
{
    public static void AddProviders(this IServiceCollection services)
    {
        services.AddSingleton(all => new ProviderHttp(all.GetRequiredService<TimeProvider>())
        {
            LongLines = all.GetService<LineMemory>(),
            IsOwnEndpoint = endpoint => IsOwn(all.GetRequiredService<IServer>(), endpoint),
            SweepFailed = error => all.GetRequiredService<BackgroundWork>().Report("closing idle connections to providers", error),
        });
        services.AddSingleton<SearchEngines>();
        services.AddSingleton(all => ProviderRegistry.Create(all.GetRequiredService<ProviderHttp>()));
    }

    // A connection to this server itself would call itself without end.
    private static bool IsOwn(IServer server, IPEndPoint endpoint) =>
        WebServer.Addresses(server).Any(address => Uri.TryCreate(address, UriKind.Absolute, out var url) && url.Port == endpoint.Port)
        && (IPAddress.IsLoopback(endpoint.Address) || IsOfThisMachine(endpoint.Address));

    private static bool IsOfThisMachine(IPAddress address) => NetworkInterface.GetAllNetworkInterfaces()
        .Any(network => network.GetIPProperties().UnicastAddresses.Any(own => own.Address.Equals(address)));
}
