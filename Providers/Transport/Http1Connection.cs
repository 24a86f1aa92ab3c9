using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;

namespace AiChat.Providers.Transport;

/// <summary>
/// A connection to a provider, for one HTTP/1.1 exchange after the other. While it waits it holds one small buffer, which grows with what
/// arrives at once. One caller at a time.
/// </summary>
/// <remarks>
/// <para>This class and its neighbours are the HTTP/1.1 client of the product (RFC 9112), used instead of <c>SocketsHttpHandler</c>:
/// <see cref="ProviderHttp"/> sends, <see cref="ProviderDialer"/> resolves and connects, <see cref="Http1Pool"/> keeps idle connections,
/// <see cref="Http1Request"/> writes requests, <see cref="ResponseHead"/> reads the status line and headers, <see cref="Http1Body"/>
/// reads the body, and <see cref="DecompressedBody"/> undoes a content encoding.</para>
/// <para><b>Why it exists.</b> The product promises that a live stream takes at most 40 KiB of memory, measured by <c>scripts/bench</c>.
/// HttpClient keeps two buffers of 4 KiB and a dozen objects for every reply that is being read. When this client replaced it, a stream
/// went from 24-43 to 12-30 KiB at 1,000 streams and from 33-39 to 20 KiB at 3,000; processor time a token went from 1.71-2.00 to
/// 1.36-1.93 times that of nginx passing the same bytes on. A connection that waits for the next piece holds one pooled buffer of 1 KiB,
/// the wait allocates nothing, and the parser reads the body in the buffer it arrived in.</para>
/// <para><b>What it speaks.</b></para>
/// <list type="bullet">
/// <item>Requests (section 3): GET without a body, or POST with a body of known length; origin-form targets; <c>Host</c> always.
/// Every header of a call passes <see cref="ProviderHeaders.Validate"/>, so no saved header can end a line or frame a body.</item>
/// <item>Replies (sections 2, 4, 5): <c>HTTP/1.x</c> with any reason phrase; lines end with CRLF or LF; folded header lines are joined.
/// Interim replies (1xx except 101) are skipped, at most eight of them.</item>
/// <item>Bodies (sections 6, 7): by <c>Content-Length</c>, in chunks, or until the connection closes; none after 1xx, 204 and 304.
/// Chunk extensions and trailers are read and dropped. Chunks win over a length, and then the connection is not used again.</item>
/// <item>Connections (section 9): persistent by version and by the <c>Connection</c> and <c>Keep-Alive</c> headers, one exchange at a
/// time. An idle one is closed after a minute, after the provider's limit, or when the provider closes it; none is reused after two
/// minutes. A GET is sent again when a reused connection breaks before the reply's head is complete; a request with a body never is.
/// The reply of a provider that refuses a request before it has taken all of it is still read.</item>
/// <item>Proxies: CONNECT (RFC 9110 section 9.3.6) with Basic for https targets, the absolute form for http targets, TLS to the proxy
/// itself, and SOCKS5 (RFC 1928, 1929). <see cref="HttpTunnel"/> or <see cref="SocksTunnel"/> make a tunnel before TLS begins.</item>
/// <item>TLS with ALPN <c>http/1.1</c>; the content encodings gzip, deflate and br, one at a time, although none is asked for.</item>
/// </list>
/// <para><b>What it refuses</b> with <see cref="ProviderFailure.Protocol"/>: a head over 32 KiB; a header without a colon or a name,
/// or with white space in the name; lengths that differ or are not a number; any transfer coding but <c>chunked</c> and
/// <c>identity</c>; chunk sizes of more than 15 digits; more than 8 KiB of a chunk's size line or of trailers; several content encodings.
/// A body that ends early is <see cref="ProviderFailure.ConnectionLost"/>. A connection that has sent more than its reply is closed.</para>
/// <para><b>What it does not do.</b> HTTP/2 and HTTP/3, pipelining, upgrades, <c>Expect</c>, chunked requests, redirects, cookies,
/// caches, authentication challenges, trace headers, certificate revocation and certificate downloads. None of them is needed to
/// call a model, and some of them could carry a request past <see cref="ProviderAddress"/>.</para>
/// <para><b>How to go back.</b> The rest of the product sees only <see cref="ProviderReply"/>, and that sees only
/// <see cref="IReplyBody"/>. In <see cref="ProviderHttp"/>, give each pool one <c>HttpMessageInvoker</c> over a
/// <c>SocketsHttpHandler</c> with <c>UseProxy</c>, <c>UseCookies</c> and <c>AllowAutoRedirect</c> off, <c>AutomaticDecompression</c>
/// none, <c>ActivityHeadersPropagator</c> null, <c>MaxResponseHeadersLength</c> 32, <c>PooledConnectionLifetime</c> two minutes,
/// <c>MaxResponseDrainSize</c> 0, the pool's chain policy and certificate callback in <c>SslOptions</c>, and a <c>ConnectCallback</c>
/// that calls <see cref="ProviderDialer"/>, tunnel included. Fill a <see cref="ResponseHead"/> from the response, and write an
/// <see cref="IReplyBody"/> that reads the response's stream. Then delete the four <c>Http1*</c> classes and their tests, allow the
/// handler's name in <c>ArchitectureTests</c>, and run <c>scripts/bench thousand three-thousand</c>.</para>
/// </remarks>
/// <param name="socket">Closed with the connection.</param>
/// <param name="stream">Read and written: the socket itself, or TLS over it.</param>
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

    /// <summary>The provider has closed it, or sent data that was not asked for.</summary>
    public bool IsSpent => socket.Poll(0, SelectMode.SelectRead);

    /// <summary>The bytes that have arrived and were not taken.</summary>
    public ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Begins an exchange: from now on the token closes the connection, whatever it is doing.</summary>
    public void Begin(CancellationToken cancel) => _abort = cancel.UnsafeRegister(static state => ((Http1Connection)state!).Abort(), this);

    /// <summary>Ends an exchange whose reply was read whole. False when the connection cannot be used again.</summary>
    public bool End()
    {
        _abort.Dispose(); // waits for a callback that is running
        if (_isAborted || _isCutShort || _start < _end || (_isFilled && stream is SslStream)) // TLS may hold more bytes
        {
            return false;
        }

        ReturnBuffer();
        return true;
    }

    /// <summary>
    /// Sends the request, or as much of it as the provider takes: a provider that refuses it may have replied and closed.
    /// </summary>
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

    /// <summary>Waits for the status line and headers of the reply; interim replies are skipped.</summary>
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

        throw new ProviderException(ProviderFailure.Protocol, "The provider sends interim replies without end.");
    }

    /// <summary>Takes bytes of <see cref="Unread"/>, which stay where they are until the next <see cref="ReadAsync"/>.</summary>
    public ReadOnlyMemory<byte> Take(int count)
    {
        var taken = _buffer.AsMemory(_start, count);
        _start += count;
        return taken;
    }

    /// <summary>
    /// Waits for more bytes after the unread ones. Pass the result to <see cref="Arrived"/>; 0 means that the provider has closed.
    /// </summary>
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

    /// <summary>Makes pending reads and writes fail; the owner disposes of the rest.</summary>
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
        // An aborted read may still write into the buffer.
        if (_buffer.Length > 0 && !_isReading)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = [];
        _start = _end = 0;
    }
}
