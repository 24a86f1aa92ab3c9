namespace AiChat.Providers.Transport;

/// <summary>
/// A reply's body, piece by piece as it arrives. One reader at a time; disposing it before its end closes the connection.
/// </summary>
internal interface IReplyBody : IAsyncDisposable
{
    /// <summary>The piece of the last <see cref="NextAsync"/>; valid until the next call.</summary>
    ReadOnlyMemory<byte> Piece { get; }

    /// <summary>The body has ended.</summary>
    bool Ended { get; }

    /// <summary>Releases the piece and waits for the next. False at the end.</summary>
    /// <exception cref="ProviderException">The body broke off, or a deadline passed; thrown once.</exception>
    /// <exception cref="OperationCanceledException">The caller's own cancellation; thrown once.</exception>
    ValueTask<bool> NextAsync();
}
