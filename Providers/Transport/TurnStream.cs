using System.Net.Sockets;

namespace AiChat.Providers.Transport;

/// <summary>
/// The stream under TLS: after many bytes without a wait it yields the thread once. TLS records can be empty for the reader above, so a
/// peer that sends only those at full speed would otherwise occupy a socket thread for ever.
/// </summary>
internal sealed class TurnStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
{
    private const int MaxTurn = 64 * 1024;

    private int _turn;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_turn >= MaxTurn)
        {
            _turn = 0;
            return ReadLaterAsync(buffer, cancellationToken);
        }

        var reading = base.ReadAsync(buffer, cancellationToken);
        if (!reading.IsCompletedSuccessfully)
        {
            _turn = 0;
            return reading;
        }

        var count = reading.Result;
        _turn += count;
        return new ValueTask<int>(count);
    }

    private async ValueTask<int> ReadLaterAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await Task.Yield();
        return await base.ReadAsync(buffer, cancellationToken);
    }
}
