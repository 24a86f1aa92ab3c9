using System.Net.Sockets;

namespace AiChat.Providers.Transport;

/// <summary>
/// What TLS reads from: after many bytes without a wait it gives up the thread once. TLS has records that hold nothing for those who
/// read above it, so whoever sends only those at full speed would keep a thread of the sockets for ever.
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
