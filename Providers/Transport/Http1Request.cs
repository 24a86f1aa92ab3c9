using System.Buffers;
using System.Globalization;
using System.Text;

namespace AiChat.Providers.Transport;

/// <summary>Writes one request: small pieces are gathered, large ones are written directly. Use it once.</summary>
internal sealed class Http1Request : IDisposable
{
    private const int FirstBuffer = 4 * 1024;
    private const string Agent = "AiChat/1";

    private readonly ProviderCall _call;
    private readonly CallClock _clock;
    private byte[] _gathered = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _length;

    /// <summary>
    /// Gathers the request line and headers. The endpoint's own headers replace the call's headers and the User-Agent of the same name.
    /// </summary>
    /// <param name="call">The call to send.</param>
    /// <param name="forwarder">The HTTP proxy that passes the request on, by its absolute form (RFC 9112 section 3.2.2); or null.</param>
    /// <param name="clock">Limits the time of every write.</param>
    /// <exception cref="ProviderException">A header must not be sent.</exception>
    public Http1Request(ProviderCall call, OutboundProxy? forwarder, CallClock clock)
    {
        _call = call;
        _clock = clock;
        var url = call.Url;
        Append(call.Method ?? (call.Body is null ? "GET" : "POST"));
        Append(" ");
        if (forwarder is not null)
        {
            Append("http://");
            AppendHost(url);
        }

        Append(url.PathAndQuery);
        Append(" HTTP/1.1\r\nHost: ");
        AppendHost(url);
        Append("\r\n");
        if (forwarder?.Basic is { } basic)
        {
            Append("Proxy-Authorization: ");
            Append(basic);
            Append("\r\n");
        }

        AppendUnlessOwn("User-Agent", Agent);
        foreach (var (name, value) in call.Headers)
        {
            AppendUnlessOwn(name, value);
        }

        foreach (var (name, value) in call.Endpoint.Headers)
        {
            AppendHeader(name, value);
        }

        if (call.Body is { } body)
        {
            Append("Content-Type: ");
            Append(call.MediaType);
            Append("\r\nContent-Length: ");
            Append(body.Length);
            Append("\r\n");
        }

        Append("\r\n");
    }

    public async Task SendAsync(Stream stream)
    {
        if (_call.Body is { } body)
        {
            await body.WriteAsync(piece => WriteAsync(stream, piece), _clock.Token);
        }

        await FlushAsync(stream);
        _call.Body?.Release();
        Dispose(); // neither buffer is held while waiting for the reply
        _clock.Sent();
    }

    public void Dispose()
    {
        if (_gathered.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_gathered);
            _gathered = [];
        }
    }

    private async ValueTask WriteAsync(Stream stream, ReadOnlyMemory<byte> piece)
    {
        if (piece.Length <= _gathered.Length - _length)
        {
            piece.CopyTo(_gathered.AsMemory(_length));
            _length += piece.Length;
            return;
        }

        await FlushAsync(stream);
        _clock.Sending();
        await stream.WriteAsync(piece);
    }

    private async ValueTask FlushAsync(Stream stream)
    {
        if (_length > 0)
        {
            _clock.Sending();
            await stream.WriteAsync(_gathered.AsMemory(0, _length));
            _length = 0;
        }
    }

    private void AppendHost(Uri url)
    {
        Append(url.HostNameType == UriHostNameType.IPv6 ? $"[{url.IdnHost}]" : url.IdnHost);
        if (!url.IsDefaultPort)
        {
            Append(":");
            Append(url.Port);
        }
    }

    private void AppendUnlessOwn(string name, string value)
    {
        foreach (var (own, _) in _call.Endpoint.Headers)
        {
            if (own.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return;
            }
        }

        AppendHeader(name, value);
    }

    private void AppendHeader(string name, string value)
    {
        if (ProviderHeaders.Validate(name, value) is { } reason)
        {
            throw new ProviderException(ProviderFailure.BadRequest, reason);
        }

        Append(name);
        Append(": ");
        Append(value);
        Append("\r\n");
    }

    private void Append(long number)
    {
        Reserve(20);
        number.TryFormat(_gathered.AsSpan(_length), out var written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    private void Append(string text)
    {
        Reserve(text.Length);
        _length += Encoding.ASCII.GetBytes(text, _gathered.AsSpan(_length));
    }

    private void Reserve(int count)
    {
        if (_gathered.Length - _length < count)
        {
            var bigger = ArrayPool<byte>.Shared.Rent(2 * (_length + count));
            _gathered.AsSpan(0, _length).CopyTo(bigger);
            ArrayPool<byte>.Shared.Return(_gathered);
            _gathered = bigger;
        }
    }
}
