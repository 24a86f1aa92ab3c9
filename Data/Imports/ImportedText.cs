namespace AiChat.Data.Imports;

/// <summary>A text of a message. It is read when the message is written, so that a large chat is never in memory as a whole.</summary>
internal abstract class ImportedText
{
    public static readonly ImportedText Empty = "";

    public static implicit operator ImportedText(string text) => new Held(text);

    /// <summary>A text that is made each time it is read.</summary>
    public static ImportedText From(Func<string> read) => new Made(read);

    public abstract string Read();

    private sealed class Held(string text) : ImportedText
    {
        public override string Read() => text;
    }

    private sealed class Made(Func<string> read) : ImportedText
    {
        public override string Read() => read();
    }
}
