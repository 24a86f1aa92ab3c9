using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>The memory that one answer takes as it grows, beyond the piece it begins with. Used by one thread at a time.</summary>
internal sealed class AnswerSize(MemoryRoom room) : IDisposable
{
    private long _characters;
    private int _pieces = 1;

    /// <exception cref="ProviderException">There is no memory for so much; the answer has to end with what it has.</exception>
    public void Add(int characters)
    {
        _characters += characters;
        while (_characters > (long)_pieces * MemoryRoom.Piece)
        {
            if (!room.TryGrow())
            {
                throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server has memory for now; it was ended here.");
            }

            _pieces++;
        }
    }

    public void Dispose()
    {
        room.GiveBack(_pieces - 1);
        _pieces = 1;
    }
}
