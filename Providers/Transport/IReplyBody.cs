
namespace AiChat.Providers.Transport;

/// <summary>A reply's body, piece by piece in the moment it arrives. One reader; disposing closes it, wherever it is.</summary>
internal interface IReplyBody : IAsyncDisposable
{
    /// <summary>The piece that the last <see cref="NextAsync"/> brought; good until the next call.</summary>
    ReadOnlyMemory<byte> Piece { get; }

    /// <summary>Nothing will come any more.</summary>
    bool Ended { get; }

    /// <summary>Lets go of the piece and waits for the next. False at the end.</summary>
    /// <exception cref="ProviderException">The body broke off, or its time is over; thrown once.</exception>
    /// <exception cref="OperationCanceledException">The caller's own cancellation; thrown once.</exception>
    ValueTask<bool> NextAsync();
}
