using System.Runtime.InteropServices;

namespace AiChat.Commands;

/// <summary>Asks for the end of the work where the process would otherwise be ended.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<PosixSignalRegistration> _registrations;

    public StopSignals()
    {
        PosixSignal[] signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];
        _registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            _stop.Cancel();
        }))];
    }

    public CancellationToken Token => _stop.Token;

    /// <summary>The source is left to the collector: a signal may be under way.</summary>
    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
}
