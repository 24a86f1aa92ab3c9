using System.Buffers.Binary;
using System.Text;

namespace AiChat.Tests.Torture;

/// <summary>One recorded call. Paths are relative to the folder; the folder itself is the empty path.</summary>
/// <param name="Call">
/// o(pened), c(losed), w(ritten), t(runcated), s(ync begun), S(ync done), r(enamed), l(inked), u(nlinked), m(ade a folder),
/// A(cknowledged), n(umbered: the process may be ended here).
/// </param>
internal readonly record struct DiskCall(char Call, int File, long Offset, string Path, string Other, ReadOnlyMemory<byte> Data)
{
    /// <summary>What a client has got, for A.</summary>
    public string Text => Encoding.UTF8.GetString(Data.Span);
}

/// <summary>Reads what <c>machine.c</c> and the clients recorded, in order.</summary>
internal static class DiskLog
{
    public const int HeadLength = 28;

    /// <param name="root">The folder of the server.</param>
    public static List<DiskCall> Read(string log, string root)
    {
        var bytes = File.ReadAllBytes(log).AsMemory();
        var calls = new List<DiskCall>();
        for (var at = 0; at < bytes.Length;)
        {
            var record = bytes[at..];
            var length = BinaryPrimitives.ReadInt32LittleEndian(record.Span);
            record = record[..length];
            at += length;
            var head = record.Span;
            var (path, other) = (BinaryPrimitives.ReadInt32LittleEndian(head[12..]), BinaryPrimitives.ReadInt32LittleEndian(head[16..]));
            calls.Add(new DiskCall(
                (char)head[4],
                BinaryPrimitives.ReadInt32LittleEndian(head[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(head[20..]),
                Relative(head.Slice(HeadLength, path), root),
                Relative(head.Slice(HeadLength + path, other), root),
                record[(HeadLength + path + other)..]));
        }

        return calls;
    }

    private static string Relative(ReadOnlySpan<byte> path, string root)
    {
        var text = Encoding.UTF8.GetString(path);
        return text.StartsWith(root, StringComparison.Ordinal) ? text[root.Length..].Trim('/') : text;
    }
}
