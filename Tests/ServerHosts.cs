using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using AiChat.Data;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiChat.Tests;

/// <summary>One start of a server, from listening to its end.</summary>
internal interface IServerHost : IAsyncDisposable
{
    Uri BaseUri { get; }

    Task StopAsync();
}

/// <summary>The server did not start; the message holds its output.</summary>
internal sealed class ServerStartException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The exit code of the process, or the one it would have had.</summary>
    public int? ExitCode { get; init; }
}

internal sealed class InProcessHost : IServerHost
{
    private readonly WebApplication _app;
    private bool _stopped;

    private InProcessHost(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public Uri BaseUri => new(_app.Urls.First());

    public static async Task<InProcessHost> StartAsync(Dictionary<string, string> variables, TestServerOptions options)
    {
        WebApplication? app = null;
        try
        {
            var values = EnvironmentValues.Of(variables.GetValueOrDefault);
            app = Program.Build(ServerOptions.Load(values) with { SettingDefaults = SettingTable.ReadVariables(values) }, builder =>
            {
                if (options.Clock is { } clock)
                {
                    builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));
                }

                options.Configure?.Invoke(builder);
            });
            await app.StartAsync();
            return new InProcessHost(app);
        }
        catch (Exception error)
        {
            if (app is not null)
            {
                await app.DisposeAsync();
            }

            throw new ServerStartException(error.Message, error) { ExitCode = (error as StartupException)?.ExitCode };
        }
    }

    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _app.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _app.DisposeAsync();
    }
}

internal sealed partial class ChildProcessHost : IServerHost
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _disposed;

    private ChildProcessHost(Process process) => _process = process;

    public int ProcessId => _process.Id;

    public int ExitCode => _process.ExitCode;

    public Uri BaseUri { get; private set; } = null!;

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public static async Task<ChildProcessHost> StartAsync(string binary, IReadOnlyDictionary<string, string> variables)
    {
        var start = new ProcessStartInfo(binary)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = variables["DATA_DIR"],
        };
        start.Environment.Clear();
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        var host = new ChildProcessHost(new Process { StartInfo = start, EnableRaisingEvents = true });
        host._process.OutputDataReceived += (_, line) => host.Collect(line.Data);
        host._process.ErrorDataReceived += (_, line) => host.Collect(line.Data);
        host._process.Start();
        host._process.StandardInput.Close();
        host._process.BeginOutputReadLine();
        host._process.BeginErrorReadLine();
        await Task.WhenAny(host._listening.Task, host._process.WaitForExitAsync()).WaitAsync(Patience);
        if (host._listening.Task.IsCompletedSuccessfully)
        {
            host.BaseUri = await host._listening.Task;
            return host;
        }

        var exitCode = host._process.ExitCode;
        var output = host.Output;
        await host.DisposeAsync();
        throw new ServerStartException($"The server ended with {exitCode}: {output}") { ExitCode = exitCode };
    }

    /// <summary>The next line that contains this text. Each line is returned once; those before it are skipped.</summary>
    public async Task<string> NextLine(string part)
    {
        while (true)
        {
            var line = await _lines.Reader.ReadAsync().AsTask().WaitAsync(Patience);
            if (line.Contains(part, StringComparison.Ordinal))
            {
                return line;
            }
        }
    }

    /// <summary>Linux forgets the high-water mark when a 5 is written (proc(5), clear_refs).</summary>
    public long ResetPeak()
    {
        File.WriteAllText($"/proc/{_process.Id}/clear_refs", "5");
        return MemoryBytes("VmRSS:");
    }

    public long MemoryBytes(string field)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async Task StopAsync()
    {
        if (!_disposed && !_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return; // a restart that was refused has left it so
        }

        _disposed = true;
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private void Collect(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(line);
        }

        _lines.Writer.TryWrite(line);

        if (Address().Match(line) is { Success: true } match)
        {
            _listening.TrySetResult(new Uri(match.Groups[1].Value));
        }
    }

    [GeneratedRegex("""^Listening on (https?://[^\s/]+)""")]
    private static partial Regex Address();
}
