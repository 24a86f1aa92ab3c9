using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests;

/// <summary>Acts as a browser on the page of a test server, with cookies, Origin and an address of its own.</summary>
internal sealed class BrowserHandler : DelegatingHandler
{
    /// <summary>Stands for the server in requests until they are sent, because a restart changes its port.</summary>
    public static readonly Uri Placeholder = new("http://server.invalid/");
    private readonly Func<Uri> _server;

    public BrowserHandler(Func<Uri> server, IPAddress from)
    {
        _server = server;
        InnerHandler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            MaxResponseDrainSize = 0, // a closed tab reads nothing more
            CookieContainer = new CookieContainer(),
            SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true }, // servers under test make their own
            ConnectCallback = (context, cancel) => ConnectAsync(context.DnsEndPoint, from, cancel),
        };
    }

    /// <summary>Linux answers on all of 127.0.0.0/8, which gives every browser an address of its own.</summary>
    public static IPAddress RandomLoopback() =>
        new([127, (byte)Random.Shared.Next(1, 255), (byte)Random.Shared.Next(0, 256), (byte)Random.Shared.Next(1, 255)]);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var server = _server();
        if (request.RequestUri is { } uri && uri.Host == Placeholder.Host)
        {
            request.RequestUri = new Uri(server, uri.PathAndQuery);
            if (!request.Headers.Contains("Origin") && request.Method != HttpMethod.Get && request.Method != HttpMethod.Head)
            {
                request.Headers.Add("Origin", server.GetLeftPart(UriPartial.Authority));
            }
        }

        return base.SendAsync(request, cancellationToken);
    }

    private static async ValueTask<Stream> ConnectAsync(DnsEndPoint target, IPAddress from, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(target, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
