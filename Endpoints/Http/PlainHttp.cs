using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Tells who speaks plain HTTP to the port of HTTPS, such as a browser with an old bookmark, what to do instead of closing the connection.
/// </summary>
internal static class PlainHttp
{
    private const byte TlsHandshake = 0x16;

    /// <summary>As long as Kestrel waits for a handshake.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly byte[] Answer =
    [
        .. "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"u8,
        .. "This address speaks HTTPS. Put https:// in front of it.\n"u8,
    ];

    /// <summary>Comes before <c>UseHttps</c>.</summary>
    public static void AnswerPlainHttp(this ListenOptions listen) => listen.Use(next => connection => Sort(connection, next));

    private static async Task Sort(ConnectionContext connection, ConnectionDelegate next)
    {
        ReadResult first;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
            limit.CancelAfter(Patience);
            first = await connection.Transport.Input.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            return; // nothing came
        }

        var plain = !first.Buffer.IsEmpty && first.Buffer.FirstSpan[0] != TlsHandshake;
        connection.Transport.Input.AdvanceTo(first.Buffer.Start);
        if (!plain)
        {
            await next(connection);
            return;
        }

        await connection.Transport.Output.WriteAsync(Answer);
    }
}
