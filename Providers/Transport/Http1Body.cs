using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace AiChat.Providers.Transport;

/// <summary>
/// The body of an HTTP/1.1 reply (RFC 9112 §6, §7), read in place: by its length, in chunks, or until the connection ends. Waiting for a
/// piece allocates nothing. The reader continues on the thread that saw the piece arrive.
/// </summary>
internal sealed class Http1Body : IReplyBody
{
    /// <summary>Bytes of a chunk's size line, and of all trailers together.</summary>
    private const int MaxFraming = 8 * 1024;

    /// <summary>Digits of a chunk's size: more than any reply needs.</summary>
    private const int MaxDigits = 15;

    private readonly Http1Connection _connection;
    private readonly Http1Pool _pool;
    private readonly CallClock _clock;
    private readonly bool _keepsAlive;
    private Part _part;
    private long _left;
    private int _digits;
    private int _framing;
    private bool _isClosed;

    public Http1Body(ResponseHead head, Http1Connection connection, Http1Pool pool, CallClock clock)
    {
        _connection = connection;
        _connection.MaxIdle = head.MaxIdle ?? TimeSpan.MaxValue;
        _pool = pool;
        _clock = clock;
        _keepsAlive = head.KeepsAlive;
        _part = head.IsChunked ? Part.Size : head.Length is null ? Part.Rest : Part.Whole;
        _left = head.Length ?? 0;
    }

    /// <summary>What is expected next.</summary>
    private enum Part
    {
        /// <summary>The rest of a body of known length.</summary>
        Whole,

        /// <summary>All that comes until the connection ends.</summary>
        Rest,

        Chunk,
        ChunkEnd,
        Size,
        SizeRest,
        Trailer,
        TrailerRest,

        /// <summary>The whole body was read.</summary>
        Nothing,
    }

    public ReadOnlyMemory<byte> Piece { get; private set; }

    public bool Ended { get; private set; }

    public ValueTask<bool> NextAsync()
    {
        Piece = default;
        try
        {
            return Ended ? new ValueTask<bool>(false) : TryTake() || Ended ? new ValueTask<bool>(!Ended) : ReceiveAsync();
        }
        catch (ProviderException exception)
        {
            Ended = true;
            return ValueTask.FromException<bool>(exception);
        }
    }

    public ValueTask DisposeAsync()
    {
        Ended = true;
        if (_isClosed)
        {
            return default;
        }

        _isClosed = true;
        if (_part == Part.Nothing && _keepsAlive && _connection.End())
        {
            _pool.Return(_connection);
        }
        else
        {
            _connection.Dispose();
        }

        return default;
    }

    private static ProviderException Broken() => new(ProviderFailure.Protocol, "The reply is not valid HTTP.");

    private static ProviderException Lost(Exception? inner = null) =>
        new(ProviderFailure.ConnectionLost, "The connection to the provider broke during the reply.", inner: inner);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReceiveAsync()
    {
        try
        {
            do
            {
                var reading = _connection.ReadAsync();
                if (!reading.IsCompleted)
                {
                    _clock.Work.Waited();
                }

                var count = _connection.Arrived(await reading);
                _clock.Work.Add(count);
                if (count == 0)
                {
                    Ended = _part == Part.Rest ? true : throw Lost();
                    return false;
                }
            }
            while (!TryTake() && !Ended);

            return !Ended;
        }
        catch (Exception exception)
        {
            Ended = true;
            if (_clock.EndedQuietly)
            {
                return false; // the model had finished; silence is the end
            }

            throw exception switch
            {
                _ when _clock.Token.IsCancellationRequested => _clock.Translate(exception),
                IOException or SocketException or ObjectDisposedException => Lost(exception),
                _ => exception,
            };
        }
    }

    /// <summary>Takes the next piece of what has arrived. False: more must arrive, or the body has <see cref="Ended"/>.</summary>
    private bool TryTake()
    {
        while (true)
        {
            var unread = _connection.Unread;
            switch (_part)
            {
                case Part.Nothing:
                    Ended = true;
                    return false;
                case Part.Whole when _left == 0:
                    _part = Part.Nothing;
                    break;
                case Part.Chunk when _left == 0:
                    (_part, _framing) = (Part.ChunkEnd, 0);
                    break;
                case Part.Rest or Part.Whole or Part.Chunk:
                    return Take(_part == Part.Rest ? unread.Length : (int)Math.Min(_left, unread.Length));
                default:
                    if (unread.IsEmpty)
                    {
                        return false;
                    }

                    ReadFraming(unread[0]);
                    _connection.Take(1);
                    break;
            }
        }
    }

    private bool Take(int count)
    {
        _left -= count;
        Piece = _connection.Take(count);
        return count > 0;
    }

    /// <summary>Reads one byte of the framing around chunks, which may arrive byte by byte. A line feed alone ends a line too.</summary>
    private void ReadFraming(byte next)
    {
        switch (_part)
        {
            case Part.Size when char.IsAsciiHexDigit((char)next) && _digits < MaxDigits:
                _left = (_left << 4) + (next <= '9' ? next - '0' : (next | 0x20) - 'a' + 10);
                _digits++;
                break;
            case Part.Size or Part.SizeRest when next == '\n' && _digits > 0:
                (_part, _digits, _framing) = (_left > 0 ? Part.Chunk : Part.Trailer, 0, 0);
                break;
            case Part.Size when _digits > 0 && next is (byte)'\r' or (byte)';' or (byte)' ' or (byte)'\t':
                _part = Part.SizeRest;
                break;
            case Part.ChunkEnd when next == '\n':
                (_part, _framing) = (Part.Size, 0);
                break;
            case Part.Trailer when next == '\n':
                _part = Part.Nothing;
                break;
            case Part.TrailerRest when next == '\n':
                _part = Part.Trailer;
                break;
            case Part.Trailer when next != '\r':
                _part = Part.TrailerRest;
                break;
            case Part.ChunkEnd when next == '\r' && _framing == 0:
            case Part.SizeRest or Part.Trailer or Part.TrailerRest:
                break;
            default:
                throw Broken();
        }

        if (++_framing > MaxFraming)
        {
            throw Broken();
        }
    }
}
