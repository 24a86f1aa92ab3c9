using System.Text;
using AiChat.Data;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>The texts of a large chat, put aside in a file from when they are read until they are written.</summary>
/// <param name="path">Of a file that does not exist.</param>
internal sealed class TextSpool(string path) : IDisposable
{
    /// <summary>Characters of a text that stays in memory, where it takes less than its place in the file.</summary>
    private const int Smallest = 100;

    private FileStream? _file;
    private long _end;

    /// <returns>The text, until <see cref="Clear"/>.</returns>
    /// <exception cref="StoreException">The disk is full.</exception>
    public ImportedText Keep(string text)
    {
        if (text.Length < Smallest)
        {
            return text;
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        try
        {
            _file ??= Scratch.Create(path);
            RandomAccess.Write(_file.SafeFileHandle, bytes, _end);
        }
        catch (IOException error)
        {
            throw new StoreException(StoreFailure.Full, "A large chat cannot be put aside while it is imported.", error);
        }

        var kept = new Kept(this, _end, bytes.Length);
        _end += bytes.Length;
        return kept;
    }

    /// <summary>Forgets the texts of the chat that was read.</summary>
    public void Clear()
    {
        _file?.SetLength(0);
        _end = 0;
    }

    public void Dispose() => _file?.Dispose();

    private sealed class Kept(TextSpool spool, long at, int length) : ImportedText
    {
        public override string Read() => Encoding.UTF8.GetString(Scratch.Read(spool._file!.SafeFileHandle, at, length));
    }
}
