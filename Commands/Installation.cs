using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Runs;

namespace AiChat.Commands;

/// <summary>
/// The installation on this machine, as its operator reaches it: the server that runs on the data folder, by the socket in it, or the same
/// server inside this process when none runs. Both speak the HTTP API, so a command does the same either way, by the same code.
/// </summary>
internal sealed class Installation : IAsyncDisposable
{
    /// <summary>How long to wait for a server that is starting or stopping.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ServerOptions _options;
    private readonly WebApplication? _app;
    private readonly List<IHostedService> _started = [];

    private Installation(ServerOptions options, WebApplication? app)
    {
        _options = options;
        _app = app;
    }

    /// <summary>A server runs on the folder, and commands go through it.</summary>
    public bool IsRunning => _app is null;

    /// <summary>The data folder, in full.</summary>
    public string Folder => Path.GetFullPath(_options.DataDir);

    /// <summary>Finds the way and says which on standard error.</summary>
    /// <param name="options">They name the data folder.</param>
    /// <param name="create">Begins a new installation when the folder holds none.</param>
    /// <exception cref="StartupException">The folder cannot be used.</exception>
    public static async Task<Installation> Open(ServerOptions options, bool create, CancellationToken cancel)
    {
        var folder = Path.GetFullPath(options.DataDir);
        if (!create && !File.Exists(Path.Combine(folder, "instance.json")) && CanLook(folder))
        {
            throw new StartupException(
                ExitCodes.NoInput, $"There is no AiChat in {folder}. Set DATA_DIR to the folder that the server uses.");
        }

        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (Connect(folder) is { } socket)
            {
                socket.Dispose();
                Terminal.Complain("Through the running server.");
                return new Installation(options, null);
            }

            var became = FolderOwner.Become(folder);
            try
            {
                var app = Program.Build(options with { ForCommand = true, LogLevel = Quiet(options.LogLevel) });
                var installation = new Installation(options, app);
                await installation.Start(cancel);
                var owner = became is { } user ? string.Create(CultureInfo.InvariantCulture, $", as user {user}, whose it is") : "";
                Terminal.Complain($"On the folder {folder} of a stopped server{owner}.");
                return installation;
            }
            catch (StartupException error) when (error.ExitCode == StartupException.TemporaryFailure)
            {
                if (TimeProvider.System.GetElapsedTime(began) > Patience)
                {
                    throw new StartupException(
                        error.ExitCode,
                        $"{error.Message} It does not answer commands. Restart it if it is an older version than this file; "
                            + "otherwise stop it.");
                }
            }

            await Task.Delay(Pause, cancel);
        }
    }

    /// <summary>Calls the API as the operator.</summary>
    /// <param name="path">From /api on, with its query.</param>
    /// <exception cref="StartupException">The server ended before it answered.</exception>
    public Task<Reply> Send(string method, string path, JsonNode? body, CancellationToken cancel)
    {
        var content = body is null ? [] : Encoding.UTF8.GetBytes(body.ToJsonString());
        return Send(
            $"{method} {path}", body is null ? null : "application/json", method == "GET" ? null : content.Length,
            stream => stream.WriteAsync(content, cancel).AsTask(), cancel);
    }

    /// <summary>Sends a file as it is.</summary>
    /// <param name="path">From /api on, with its query.</param>
    /// <exception cref="StartupException">The server ended before it answered.</exception>
    public Task<Reply> Upload(
        string path, string contentType, Stream body, CancellationToken cancel, Action<long>? progress = null) => Send(
        $"POST {path}", contentType, body.Length,
        async stream =>
        {
            var buffer = new byte[64 * 1024];
            for (int count; (count = await body.ReadAsync(buffer, cancel)) > 0;)
            {
                await stream.WriteAsync(buffer.AsMemory(0, count), cancel);
                progress?.Invoke(body.Position);
            }
        },
        cancel);

    private async Task<Reply> Send(string request, string? type, long? length, Func<Stream, Task> write, CancellationToken cancel)
    {
        // HTTP/1.0: the end of the connection is the end of the reply, so there is nothing to decode.
        var head = string.Create(
            CultureInfo.InvariantCulture,
            $"{request} HTTP/1.0\r\nHost: localhost\r\n{(type is null ? "" : $"Content-Type: {type}\r\n")}"
                + $"{(length is null ? "" : $"Content-Length: {length}\r\n")}\r\n");
        try
        {
            await using var stream = Dial();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancel);
            try
            {
                await write(stream);
                await stream.FlushAsync(cancel);
            }
            catch (IOException)
            {
                // A server that refuses a body need not read it; its answer says why.
            }

            using var answer = new MemoryStream();
            await stream.CopyToAsync(answer, cancel);
            return Reply.Parse(answer.ToArray());
        }
        catch (Exception error) when (error is IOException or SocketException or JsonException or FormatException)
        {
            throw new StartupException(
                ExitCodes.Unavailable,
                $"The server did not answer: {error.Message}. Either it ended, and a list shows whether this was done, or it belongs to "
                    + "another user.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is null)
        {
            return;
        }

        foreach (var service in Enumerable.Reverse(_started))
        {
            await service.StopAsync(CancellationToken.None);
        }

        await _app.DisposeAsync();
    }

    /// <summary>What a command needs: no background work, and nothing of what the next start of the server mends.</summary>
    private static bool IsNeeded(IHostedService service) => service is not (BackgroundService or RunLifetime or RunStreamer or NodeChanges);

    /// <summary>The server's own log shows only what is wrong.</summary>
    private static LogLevel Quiet(LogLevel level) => level == LogLevel.Information ? LogLevel.Warning : level;

    /// <summary>False for a folder that is there and shut for this user.</summary>
    private static bool CanLook(string folder)
    {
        try
        {
            return !Directory.Exists(folder) || Directory.EnumerateFileSystemEntries(folder).Take(1).Count() >= 0;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static Socket? Connect(string folder)
    {
        try
        {
            return ControlSocket.Connect(folder);
        }
        catch (SocketException error)
        {
            throw new StartupException(
                ExitCodes.NoPermission,
                $"A server runs on {folder}, and this user may not command it ({error.Message}); run this as its user or as root.");
        }
    }

    private async Task Start(CancellationToken cancel)
    {
        try
        {
            foreach (var service in _app!.Services.GetServices<IHostedService>().Where(IsNeeded))
            {
                await service.StartAsync(cancel);
                _started.Add(service);
            }

            await _app.Services.GetRequiredService<ImageHome>().Claim(); // an import may bring the first images
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private Stream Dial() => _app is null
        ? new NetworkStream(Connect(Folder) ?? throw new IOException("it has stopped"), ownsSocket: true)
        : _app.Services.GetRequiredService<OperatorPipe>().Connect();
}

/// <summary>What the server answered.</summary>
internal sealed record Reply(int Status, JsonNode? Body)
{
    public bool IsDone => Status is >= 200 and < 300;

    public static Reply Parse(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0 || bytes[..end].IndexOf((byte)' ') is not (> 0 and var space) || !bytes.StartsWith("HTTP/1."u8))
        {
            throw new FormatException("its reply has no head");
        }

        var status = int.Parse(bytes.Slice(space + 1, 3), CultureInfo.InvariantCulture);
        var body = bytes[(end + 4)..];
        return new Reply(status, body.IsEmpty ? null : JsonNode.Parse(body));
    }
}
