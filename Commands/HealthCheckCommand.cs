using System.CommandLine;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Text.RegularExpressions;
using AiChat.Data;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>Exit code 0 when the server on this machine reports that it is ready, or that it works on its database before it is.</summary>
internal static partial class HealthCheckCommand
{
    private const string Ready = "/api/settings/health";
    private const string Alive = "/api/health";
    private const string Working = "The server starts: ";
    private const int MaxReply = 64 * 1024;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var command = new Command("healthcheck", "Check that the server on this machine is ready; for containers.");
        var alive = new Option<bool>("--alive")
        {
            Description = "Succeed also while the server starts or waits for its data folder: for updates that start the new one first.",
        };
        command.Options.Add(alive);
        command.SetAction(async (parsed, cancellation) =>
        {
            var wanted = parsed.GetValue(alive) ? Alive : Ready;
            if (await Ask(() => ServerOptions.Load(Values(parsed)), cancellation, wanted) is not { } problem)
            {
                return ExitCodes.Done;
            }

            Terminal.Complain(problem);

            // Whoever ends what is unhealthy would end a long upgrade again and again.
            return problem.StartsWith(Working, StringComparison.Ordinal) ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }

    /// <summary>A monitor need not be root: it finds the service on the default port, or by variables of its own.</summary>
    private static EnvironmentValues Values(ParseResult parsed)
    {
        try
        {
            return Options.ValuesOfInstallation(parsed);
        }
        catch (StartupException error) when (error.ExitCode == ExitCodes.NoPermission)
        {
            return Options.Values(parsed);
        }
    }

    /// <summary>Null when the server is ready; else why not, in one line.</summary>
    /// <param name="path">What to ask for: whether it can write, or only whether the process turns.</param>
    public static async Task<string?> Ask(Func<ServerOptions> load, CancellationToken cancellationToken, string path = Ready)
    {
        try
        {
            var options = load();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Limit);
            // A server that speaks TLS answers plain HTTP with nothing, with an alert or with 400.
            var reply = await Exchange(options, path, secure: false, limit.Token);
            var isPlain = reply.StartsWith("HTTP/", StringComparison.Ordinal)
                && (options.TlsCertificateFile is null || !reply.Contains(" 400 ", StringComparison.Ordinal));
            return Judge(isPlain ? reply : await Exchange(options, path, secure: true, limit.Token));
        }
        catch (Exception error) when (error is SocketException or IOException or AuthenticationException or OperationCanceledException
            or StartupException)
        {
            return $"The server does not answer: {error.Message}";
        }
    }

    /// <summary>The body too, because another program may listen on the port and answer 200 to everything.</summary>
    private static string? Judge(string reply)
    {
        var status = reply.Split("\r\n")[0];
        return Step().Match(reply) is { Success: true } step && step.Groups[1].Value != StartStep.Wait ? Working + step.Groups[1].Value
            : status.Split(' ') is not [_, "200", ..] ? $"The server answered: {status}"
            : reply.Contains("\"status\":\"ok\"", StringComparison.Ordinal) ? null
            : "Another program answers on the port of the server.";
    }

    /// <summary>A server that listens on any address listens on loopback too.</summary>
    private static string Host(ServerOptions options) =>
        options.Host is null or "*" || IsAny(options.Host) ? "127.0.0.1" : options.Host;

    private static async Task<string> Exchange(ServerOptions options, string path, bool secure, CancellationToken cancel)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Host(options), options.Port, cancel);
        // A host name that the server accepts.
        var name = options.AllowedHosts.Count > 0 ? options.AllowedHosts[0] : "localhost";
        await using Stream stream = secure ? await Encrypt(client.GetStream(), name, cancel) : client.GetStream();
        var request = $"GET {options.BasePath}{path} HTTP/1.0\r\nHost: {name}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), cancel);
        var reply = new byte[MaxReply];
        try
        {
            var length = await stream.ReadAtLeastAsync(reply, MaxReply, throwOnEndOfStream: false, cancel);
            return Encoding.ASCII.GetString(reply, 0, length);
        }
        catch (IOException) when (!secure)
        {
            return ""; // reset, as some answer what is not TLS
        }
    }

    /// <summary>The name in the certificate is that of the site, not of loopback; nothing secret is sent.</summary>
    private static async Task<SslStream> Encrypt(NetworkStream stream, string name, CancellationToken cancel)
    {
        var secure = new SslStream(stream);
        var rules = new SslClientAuthenticationOptions
        {
            TargetHost = name,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
        };
        await secure.AuthenticateAsClientAsync(rules, cancel);
        return secure;
    }

    /// <summary>What a server answers that migrates its database.</summary>
    [GeneratedRegex("""\{"status":"starting","step":"([a-z_]+)""")]
    private static partial Regex Step();

    private static bool IsAny(string host) =>
        IPAddress.TryParse(host, out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
}
