using System.IO.Compression;
using System.Text;

namespace AiChat.Tests.Providers;

/// <summary>Endless replies without an answer, sent as fast as they are read; each is named after its content.</summary>
internal static class FloodScript
{
    private const int Size = 64 * 1024;

    private static readonly Dictionary<string, string> Pieces = new()
    {
        ["comments"] = ": keep-alive\n\n",
        ["bare comments"] = ":\n",
        ["blank lines"] = "\n",
        ["carriage returns"] = "\r",
        ["blanks"] = " ",
        ["empty frames"] = "data: {}\n\n",
        ["frames of nothing"] = "data:\n\n",
        ["broken frames"] = "data: {x\n\n",
        ["no frames"] = "nonsense\n",
        ["empty pieces"] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}}]}\n\n",
        ["roles"] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n",
        ["empty calls"] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
            + "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n",
        ["pings"] = "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        ["empty lines of JSON"] = "{}\n",
        ["arrays"] = "[[[[[[]]]]]]\n",
        ["other fields"] = "event: a\nid: 1\nretry: 1\n",
    };

    public static IEnumerable<string> Names =>
        [.. Pieces.Keys, "chunks of one byte", "chunk extensions", "gzip", "deflate", "br", "empty gzip members"];

    /// <summary>Sends the reply until the caller has gone.</summary>
    public static async Task Send(FakeExchange exchange, string name)
    {
        var encoding = name is "gzip" or "deflate" or "br" ? name : name == "empty gzip members" ? "gzip" : null;
        await exchange.StartAsync(200, "text/event-stream", encoding is null ? [] : [$"Content-Encoding: {encoding}"]);
        switch (name)
        {
            case "chunks of one byte":
                await Repeat(exchange, Bytes("1\r\n\n\r\n"), raw: true);
                break;
            case "chunk extensions":
                await Repeat(exchange, Bytes($"1;{new string('x', 8_000)}\r\n\n\r\n"), raw: true);
                break;
            case "empty gzip members":
                await Repeat(exchange, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0], raw: false);
                break;
            case "gzip" or "deflate" or "br":
                await exchange.Send(Packed(name, Bytes(string.Concat(Enumerable.Repeat(": keep-alive\n\n", 1_500_000)))));
                await exchange.Stall();
                break;
            default:
                await Repeat(exchange, Bytes(Pieces[name]), raw: false);
                break;
        }
    }

    public static byte[] Packed(string encoding, byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (Stream stream = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            "br" => new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            _ => new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true),
        })
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Bytes(string text) => Encoding.ASCII.GetBytes(text);

    private static async Task Repeat(FakeExchange exchange, byte[] piece, bool raw)
    {
        var many = Enumerable.Repeat(piece, Math.Max(1, Size / piece.Length)).SelectMany(bytes => bytes).ToArray();
        while (!exchange.ClientGone.IsCompleted)
        {
            await (raw ? exchange.SendRaw(many) : exchange.Send(many));
        }
    }
}
