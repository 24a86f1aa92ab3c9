using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;

namespace AiChat.Tests;

/// <summary>The native executable as a person or a script runs it.</summary>
internal static class Executable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    public static Task<Ran> RunAsync(string folder, params string[] arguments) => RunAsync(folder, [], arguments);

    public static Task<Ran> RunAsync(string folder, (string Name, string Value)[] variables, params string[] arguments) =>
        RunAsAsync(null, folder, variables, arguments);

    /// <param name="user">The number of the user that runs it; needs root. Null is this user.</param>
    public static async Task<Ran> RunAsAsync(
        int? user, string folder, (string Name, string Value)[] variables, params string[] arguments)
    {
        using var process = Start(user, folder, variables, arguments);
        var (output, complaint) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(Patience);
        return new Ran(process.ExitCode, await output, await complaint);
    }

    public static Process Start(int? user, string folder, (string Name, string Value)[] variables, params string[] arguments)
    {
        string[] command = user is null
            ? [TestServer.Binary!, .. arguments]
            : ["/usr/bin/setpriv", $"--reuid={user}", $"--regid={user}", "--clear-groups", TestServer.Binary!, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment.Clear(); // a container has no HOME either
        foreach (var (name, value) in variables.Prepend(("DATA_DIR", folder)))
        {
            start.Environment[name] = value;
        }

        if (PostgresServer.UrlFor(folder) is { } database)
        {
            start.Environment.TryAdd("DATABASE_URL", database);
        }

        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Speaks to a server as the command line does, by the socket in its folder.</summary>
    public static HttpClient Operator(string folder)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(folder, "control.sock")), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        return new HttpClient(handler) { BaseAddress = new Uri("http://localhost") };
    }
}

/// <summary>How a command ended, and what it printed.</summary>
internal sealed record Ran(int Code, string Output, string Complaint)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>The outcome, after this exit code.</summary>
    public Ran Expect(int code)
    {
        Assert.True(Code == code, $"Ended with {Code}, not {code}: {Output}{Complaint}");
        return this;
    }
}
