using System.Globalization;
using System.Text;

namespace AiChat.Providers.Transport;

/// <summary>Asks an HTTP proxy for a tunnel by CONNECT (RFC 9110 section 9.3.6), before TLS begins.</summary>
internal static class HttpTunnel
{
    /// <summary>Bytes of the proxy's reply.</summary>
    private const int MaxHead = 16 * 1024;

    private const int MaxInterim = 8;

    /// <exception cref="ProviderException">There is no tunnel; the exception says why.</exception>
    public static async Task OpenAsync(Stream stream, OutboundProxy proxy, Uri target, CancellationToken cancel)
    {
        var host = target.HostNameType == UriHostNameType.IPv6 ? $"[{target.IdnHost}]" : target.IdnHost;
        var credential = proxy.Basic is { } basic ? $"Proxy-Authorization: {basic}\r\n" : "";
        var request = $"CONNECT {host}:{target.Port} HTTP/1.1\r\nHost: {host}:{target.Port}\r\n{credential}\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), cancel);

        var buffer = new byte[MaxHead];
        var end = 0;
        for (var heads = 0; heads <= MaxInterim; heads++)
        {
            ResponseHead? head;
            int length;
            while ((head = Read(buffer.AsSpan(0, end), out length)) is null)
            {
                if (end == buffer.Length)
                {
                    throw Failed(CallTrouble.ProxyKind, "proxy_answer", "sends a reply that is too long");
                }

                var count = await stream.ReadAsync(buffer.AsMemory(end), cancel);
                if (count == 0)
                {
                    throw Closed();
                }

                end += count;
            }

            if (head.IsInterim)
            {
                buffer.AsSpan(length, end - length).CopyTo(buffer);
                end -= length;
                continue;
            }

            if (head.Status is < 200 or >= 300)
            {
                throw Refused(proxy, head);
            }

            if (end > length)
            {
                // In TLS the client speaks first, so these bytes are not the provider's.
                throw Failed(CallTrouble.ProxyKind, "proxy_answer", "sends data that nobody asked for");
            }

            return;
        }

        throw Failed(CallTrouble.ProxyKind, "proxy_answer", "sends interim replies without end");
    }

    /// <summary>The proxy answered with an error of its own.</summary>
    public static ProviderException Refused(OutboundProxy proxy, ResponseHead head)
    {
        if (head.Status == 407 && IsForeign(head))
        {
            var schemes = Schemes(head);
            return Failed(
                CallTrouble.ProxyForeignSignIn, "proxy_sign_in_foreign",
                $"offers only ways to sign in that are not supported here ({schemes}); put a helper such as cntlm or px in between",
                schemes);
        }

        var (trouble, code, words) = head.Status switch
        {
            401 or 407 when proxy.User is null => (CallTrouble.ProxySignIn, "proxy_sign_in_asked", "asks for a user name and a password"),
            401 or 407 => (CallTrouble.ProxySignIn, "proxy_sign_in_refused", "refused the user name or the password"), // tinyproxy says 401
            >= 500 => (CallTrouble.ProxyWayOut, "proxy_no_way", "could not reach the provider"),
            _ => (CallTrouble.ProxyRules, "proxy_forbids", "refused to connect to the provider"),
        };
        return Failed(trouble, code, $"{words} ({head.Status})", head.Status.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The detail names no address: whoever chats may read it.</summary>
    public static ProviderException Failed(CallTrouble trouble, string code, string words, string? value = null) => new(
        trouble == CallTrouble.ProxyWayOut ? ProviderFailure.Unreachable : ProviderFailure.Proxy, $"The proxy {words}.")
    {
        Hop = CallHop.Proxy,
        Trouble = trouble,
        Reason = new CallReason(code, value),
    };

    public static ProviderException Closed(Exception? inner = null) => new(
        ProviderFailure.Unreachable, "The proxy closed the connection.", inner: inner)
    {
        Hop = CallHop.Proxy,
        Reason = new CallReason("proxy_closed"),
    };

    private static ResponseHead? Read(Span<byte> bytes, out int length)
    {
        try
        {
            // Another protocol may never send the end of a line.
            return bytes.Length >= 5 && !bytes.StartsWith("HTTP/"u8) || (bytes.Length > 0 && bytes[0] != 'H')
                ? throw Failed(CallTrouble.ProxyKind, "proxy_is_socks", "does not speak HTTP; it may be a SOCKS proxy (socks5h://)")
                : ResponseHead.Read(bytes, out length);
        }
        catch (ProviderException exception) when (exception.Failure == ProviderFailure.Protocol)
        {
            throw Failed(CallTrouble.ProxyKind, "proxy_answer", "does not answer in HTTP");
        }
    }

    private static bool IsForeign(ResponseHead head) =>
        head.ProxyAuthenticate.Length > 0 && !head.ProxyAuthenticate.Contains("Basic", StringComparison.OrdinalIgnoreCase);

    /// <summary>The names of the ways to sign in, without their parameters.</summary>
    private static string Schemes(ResponseHead head) => string.Join(
        ", ",
        head.ProxyAuthenticate.Split(',').Select(part => part.Trim().Split(' ')[0])
            .Where(name => name.Length is > 0 and <= 20 && name.All(char.IsAsciiLetterOrDigit)).Take(4));
}
