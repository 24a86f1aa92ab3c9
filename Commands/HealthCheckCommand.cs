using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AiChat.Data;

namespace AiChat.Commands;

/// <summary>Exit code 0 when the server on this machine reports that it is ready.</summary>
internal static class HealthCheckCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var command = new Command("healthcheck", "Check that the server on this machine is ready; for containers.");
        command.SetAction((_, cancellation) => Run(cancellation));
        return command;
    }

    private static async Task<int> Run(CancellationToken cancellationToken)
    {
        try
        {
            var options = ServerOptions.Load(Environment.GetEnvironmentVariable);
            // A server that listens on any address listens on loopback too.
            var host = options.Host is null or "*" || IsAny(options.Host) ? "127.0.0.1" : options.Host;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Limit);
            using var client = new TcpClient();
            await client.ConnectAsync(host, options.Port, limit.Token);
            var stream = client.GetStream();
            // A host name that the server accepts.
            var name = options.AllowedHosts.Count > 0 ? options.AllowedHosts[0] : "localhost";
            var request = $"GET {options.BasePath}/api/settings/health HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n";
            await stream.WriteAsync(Encoding.ASCII.GetBytes(request), limit.Token);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            var status = await reader.ReadLineAsync(limit.Token);
            if (status?.Split(' ') is [_, "200", ..])
            {
                return 0;
            }

            Terminal.Complain($"The server answered: {status}");
        }
        catch (Exception error) when (error is SocketException or IOException or OperationCanceledException or StartupException)
        {
            Terminal.Complain($"The server does not answer: {error.Message}");
        }

        return 1;
    }

    private static bool IsAny(string host) =>
        IPAddress.TryParse(host, out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
}
