namespace AiChat.Data.Runs;

/// <summary>Keeps the text of running answers until they end. Call from one thread at a time.</summary>
internal interface ILiveText : IDisposable
{
    /// <summary>Whether it is time for <see cref="Renew"/>.</summary>
    bool IsFull { get; }

    /// <summary>Begins without any; call once what an earlier process left has been taken up.</summary>
    /// <param name="bootId">Names this process, as in the rows of its runs.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    void Begin(string bootId);

    /// <summary>Appends the chunks. After a failure they are to be given again.</summary>
    Task Append(IReadOnlyList<RunChunk> chunks);

    /// <summary>Nothing runs any more.</summary>
    Task Empty();

    /// <summary>Keeps the whole text of what runs now, and nothing else.</summary>
    Task Renew(IEnumerable<IReadOnlyList<RunChunk>> whole);

    /// <summary>Waits until what was appended is on the disk.</summary>
    Task Flush();
}
