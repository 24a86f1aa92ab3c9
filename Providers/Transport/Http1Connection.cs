using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.Transport;

/// <summary>
/// A connection to a provider, for one HTTP/1.1 exchange after the other (RFC 9112). While it waits it holds one small buffer, which
/// grows with what arrives at once. One caller at a time.
/// </summary>
/// <param name="socket">Closed with the connection.</param>
/// <param name="stream">What is read and written: the socket itself, or TLS over it.</param>
/// <param name="made">When the connection was made, as a timestamp.</param>
internal sealed class Http1Connection(Socket socket, Stream stream, long made) : IDisposable
{
    /// <summary>Bytes of a reply's status line and headers.</summary>
    private const int MaxHead = 32 * 1024;

    /// <summary>"100 Continue", "103 Early Hints" and the like before the reply itself.</summary>
    private const int MaxInterim = 8;

    private const int SmallBuffer = 1024;
    private const int LargeBuffer = 16 * 1024;

    private CancellationTokenRegistration _abort;
    private byte[] _buffer = [];
    private int _bufferLength = SmallBuffer;
    private int _start;
    private int _end;
    private bool _isReading;
    private bool _isCutShort;
    private bool _isFilled;
    private volatile bool _isAborted;

    public long Made => made;

    /// <summary>When its last exchange ended, as a timestamp.</summary>
    public long IdleSince { get; set; }

    /// <summary>How long the provider lets it be idle, by its last reply.</summary>
    public TimeSpan MaxIdle { get; set; } = TimeSpan.MaxValue;

    /// <summary>The provider has closed it, or sent what nobody asked for.</summary>
    public bool IsSpent => socket.Poll(0, SelectMode.SelectRead);

    /// <summary>What has arrived and was not taken.</summary>
    public ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Begins an exchange: from now on the token closes the connection, whatever it does.</summary>
    public void Begin(CancellationToken cancel) => _abort = cancel.UnsafeRegister(static state => ((Http1Connection)state!).Abort(), this);

    /// <summary>Ends the exchange, whose reply was taken whole. False: the connection is good for no other.</summary>
    public bool End()
    {
        _abort.Dispose(); // waits when it is closing just now
        if (_isAborted || _isCutShort || _start < _end || (_isFilled && stream is SslStream)) // there may be more, unseen
        {
            return false;
        }

        ReturnBuffer();
        return true;
    }

    /// <summary>Sends the request, or as much of it as the provider takes: whoever refuses it may have said so and closed.</summary>
    public async Task SendAsync(Http1Request request)
    {
        try
        {
            await request.SendAsync(stream);
        }
        catch (IOException) when (!_isAborted)
        {
            _isCutShort = true; // reading tells whether there is a reply
        }
    }

    /// <summary>Waits for the status line and headers of the reply; interim ones are skipped.</summary>
    public async Task<ResponseHead> ReadHeadAsync()
    {
        for (var heads = 0; heads <= MaxInterim; heads++)
        {
            ResponseHead? head;
            int length;
            while ((head = ResponseHead.Read(_buffer.AsSpan(_start, _end - _start), out length)) is null)
            {
                if (_end - _start >= MaxHead)
                {
                    throw new ProviderException(ProviderFailure.Protocol, "The reply's headers are too long.");
                }

                if (Arrived(await ReadAsync()) == 0)
                {
                    throw new ProviderException(ProviderFailure.ConnectionLost, "The connection to the provider broke before it answered.");
                }
            }

            _start += length;
            if (!head.IsInterim)
            {
                return head;
            }
        }

        throw new ProviderException(ProviderFailure.Protocol, "The provider announces a reply without end.");
    }

    /// <summary>Takes bytes of <see cref="Unread"/>, which stay where they are until the next <see cref="ReadAsync"/>.</summary>
    public ReadOnlyMemory<byte> Take(int count)
    {
        var taken = _buffer.AsMemory(_start, count);
        _start += count;
        return taken;
    }

    /// <summary>Waits for more behind what is unread. Its result goes to <see cref="Arrived"/>; 0 when the provider has closed.</summary>
    public ValueTask<int> ReadAsync()
    {
        MakeRoom();
        _isReading = true;
        return stream.ReadAsync(_buffer.AsMemory(_end));
    }

    public int Arrived(int count)
    {
        _isReading = false;
        _isFilled = count == _buffer.Length - _end;
        _end += count;
        _bufferLength = _isFilled ? Math.Min(4 * _buffer.Length, LargeBuffer)
            : count < _buffer.Length / 4 ? Math.Max(_buffer.Length / 4, SmallBuffer) : _buffer.Length;
        return count;
    }

    public void Dispose()
    {
        _abort.Dispose();
        socket.Dispose();
        stream.Dispose();
        ReturnBuffer();
    }

    /// <summary>What is under way fails; the owner disposes of the rest.</summary>
    private void Abort()
    {
        _isAborted = true;
        socket.Dispose();
    }

    private void MakeRoom()
    {
        var unread = _end - _start;
        if (unread > 0 ? _end == _buffer.Length : _buffer.Length != _bufferLength)
        {
            var next = ArrayPool<byte>.Shared.Rent(Math.Max(_bufferLength, 2 * unread));
            Unread.CopyTo(next);
            ReturnBuffer();
            _buffer = next;
            (_start, _end) = (0, unread);
        }
        else if (unread == 0)
        {
            _start = _end = 0;
        }
    }

    private void ReturnBuffer()
    {
        // A read that was broken off may still write into it.
        if (_buffer.Length > 0 && !_isReading)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = [];
        _start = _end = 0;
    }
}
