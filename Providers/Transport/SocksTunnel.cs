using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace AiChat.Providers.Transport;

/// <summary>Asks a SOCKS5 proxy for a connection (RFC 1928), signing in by name and password where it asks (RFC 1929).</summary>
internal static class SocksTunnel
{
    private const byte Version = 5;
    private const byte NoSignIn = 0;
    private const byte ByPassword = 2;

    /// <exception cref="ProviderException">There is no connection; the exception says why.</exception>
    public static async Task OpenAsync(Stream stream, OutboundProxy proxy, Uri target, CancellationToken cancel)
    {
        byte[] greeting = proxy.User is null ? [Version, 1, NoSignIn] : [Version, 2, NoSignIn, ByPassword];
        await stream.WriteAsync(greeting, cancel);
        var method = await ReadAsync(stream, 2, cancel);
        if (method[0] != Version)
        {
            throw HttpTunnel.Failed(CallTrouble.ProxyKind, "proxy_is_http", "does not speak SOCKS5; it may be an HTTP proxy (http://)");
        }

        if (method[1] == ByPassword && proxy.User is not null)
        {
            await SignInAsync(stream, proxy, cancel);
        }
        else if (method[1] != NoSignIn)
        {
            throw HttpTunnel.Failed(
                CallTrouble.ProxySignIn,
                proxy.User is null ? "proxy_sign_in_asked" : "proxy_sign_in_none",
                proxy.User is null ? "asks for a user name and a password" : "takes no user name and password");
        }

        await stream.WriteAsync(Request(target), cancel);
        var reply = await ReadAsync(stream, 4, cancel);
        if (reply[0] != Version)
        {
            throw HttpTunnel.Failed(CallTrouble.ProxyKind, "proxy_answer", "does not answer in SOCKS5");
        }

        if (reply[1] != 0)
        {
            throw Refused(reply[1]);
        }

        var rest = reply[3] switch
        {
            1 => 4,
            3 => (await ReadAsync(stream, 1, cancel))[0],
            4 => 16,
            _ => throw HttpTunnel.Failed(CallTrouble.ProxyKind, "proxy_answer", "does not answer in SOCKS5"),
        };
        await ReadAsync(stream, rest + 2, cancel);
    }

    private static async Task SignInAsync(Stream stream, OutboundProxy proxy, CancellationToken cancel)
    {
        var user = Encoding.UTF8.GetBytes(proxy.User!);
        var password = Encoding.UTF8.GetBytes(proxy.Password!);
        await stream.WriteAsync((byte[])[1, (byte)user.Length, .. user, (byte)password.Length, .. password], cancel);
        if ((await ReadAsync(stream, 2, cancel))[1] != 0)
        {
            throw HttpTunnel.Failed(CallTrouble.ProxySignIn, "proxy_sign_in_refused", "refused the user name or the password");
        }
    }

    private static byte[] Request(Uri target)
    {
        var port = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)target.Port);
        if (IPAddress.TryParse(target.IdnHost, out var address))
        {
            var bytes = address.GetAddressBytes();
            return [Version, 1, 0, bytes.Length == 4 ? (byte)1 : (byte)4, .. bytes, .. port];
        }

        var name = Encoding.ASCII.GetBytes(target.IdnHost);
        return [Version, 1, 0, 3, (byte)name.Length, .. name, .. port];
    }

    private static ProviderException Refused(byte code)
    {
        var (trouble, reason, words) = code switch
        {
            2 => (CallTrouble.ProxyRules, "proxy_forbids", "does not allow a connection to the provider"),
            3 or 4 => (CallTrouble.ProxyWayOut, "proxy_no_way", "cannot reach the provider"),
            5 => (CallTrouble.ProxyWayOut, "proxy_no_way", "was refused by the provider"),
            6 => (CallTrouble.ProxyWayOut, "proxy_no_way", "waited for the provider in vain"),
            7 or 8 => (CallTrouble.ProxyKind, "proxy_unsupported", "does not support this kind of connection"),
            _ => (CallTrouble.ProxyWayOut, "proxy_no_way", $"could not connect to the provider (SOCKS code {code})"),
        };
        return HttpTunnel.Failed(trouble, reason, words, $"SOCKS {code}");
    }

    private static async Task<byte[]> ReadAsync(Stream stream, int count, CancellationToken cancel)
    {
        var bytes = new byte[count];
        return await stream.ReadAtLeastAsync(bytes, count, throwOnEndOfStream: false, cancel) == count ? bytes
            : throw HttpTunnel.Closed();
    }
}
