using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// Large pictures that a JSON file holds as data URLs, put aside as files while it is read, so that no chat takes more memory for them.
/// In the value stands their name instead, which cannot be guessed.
/// </summary>
/// <param name="prefix">The path of a file, to which a number is added.</param>
internal sealed class BlobSpool(string prefix) : IDisposable
{
    /// <summary>Bytes of a data URL that is put aside.</summary>
    public const int Smallest = 128 * 1024;

    private const string Sign = "aichat-blob:";

    private readonly string _token = $"{Sign}{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}:";
    private int _count;

    /// <summary>Whether a text may stand for a picture that was put aside.</summary>
    public static bool IsName(string text) => text.StartsWith(Sign, StringComparison.Ordinal);

    /// <summary>The path of another file of this import.</summary>
    public string Beside(string name) => $"{prefix}.{name}";

    /// <param name="begun">What the data URL begins with.</param>
    public BlobWriter Begin(ReadOnlySpan<byte> begun)
    {
        var number = _count++;
        var writer = new BlobWriter(PathOf(number), $"{_token}{number}");
        writer.Write(begun[(begun.IndexOf((byte)',') + 1)..]);
        return writer;
    }

    /// <summary>Opens a picture by what stands in its place; null when this is no such name.</summary>
    public Func<Stream?>? Find(string value) => value.StartsWith(_token, StringComparison.Ordinal)
        && int.TryParse(value.AsSpan(_token.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < _count
        ? () => File.Exists(PathOf(number)) ? File.OpenRead(PathOf(number)) : null : null;

    /// <summary>Removes the files of the chat that was read.</summary>
    public void Clear()
    {
        for (; _count > 0; _count--)
        {
            File.Delete(PathOf(_count - 1));
        }
    }

    public void Dispose() => Clear();

    private string PathOf(int number) => $"{prefix}{number}.blob";
}

/// <summary>Decodes base64 into a file, piece by piece.</summary>
internal sealed class BlobWriter(string path, string name) : IDisposable
{
    private readonly FileStream _file = new(path, new FileStreamOptions
    {
        Mode = FileMode.Create,
        Access = FileAccess.Write,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });
    private readonly byte[] _rest = new byte[4];
    private int _restLength;

    /// <summary>What stands in the JSON instead.</summary>
    public string Name { get; } = name;

    public void Write(ReadOnlySpan<byte> text)
    {
        // One byte too many is enough to show that it is too large.
        if (_file.Position > ImportStore.MaxImageBytes)
        {
            return;
        }

        var quads = new byte[_restLength + text.Length];
        _rest.AsSpan(0, _restLength).CopyTo(quads);
        var count = _restLength;
        foreach (var next in text)
        {
            if (next > ' ' && next != '\\')
            {
                quads[count++] = next;
            }
        }

        var whole = count & ~3;
        _restLength = count - whole;
        quads.AsSpan(whole, _restLength).CopyTo(_rest);
        var bytes = new byte[whole / 4 * 3];
        Base64.DecodeFromUtf8(quads.AsSpan(0, whole), bytes, out _, out var written);
        _file.Write(bytes.AsSpan(0, written));
    }

    public void Dispose() => _file.Dispose();
}
