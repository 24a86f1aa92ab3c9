using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>The memory that one answer takes as it grows, with the piece it began with. Used by one thread at a time.</summary>
internal sealed class MemoryLease(MemoryBudget memory) : IDisposable
{
    private long _characters;
    private int _pieces = 1;
    private bool _noRoom;

    /// <summary>What there is no room for may have to wait until other answers have ended.</summary>
    /// <exception cref="ProviderException">There is no memory for so much; the answer has to end with what it has.</exception>
    public ValueTask Add(ChatDelta delta, CancellationToken cancellationToken) => Add(
        delta switch
        {
            ChatDelta.Text text => text.Value.Length,
            ChatDelta.Reasoning reasoning => reasoning.Value.Length,
            ChatDelta.ToolCall call => call.ArgumentsFragment.Length,
            _ => 0, // what is relayed as it came has a cap of its own
        },
        cancellationToken);

    /// <inheritdoc cref="Add(ChatDelta, CancellationToken)"/>
    public ValueTask Add(int characters, CancellationToken cancellationToken)
    {
        _characters += characters;
        return _characters <= (long)_pieces * MemoryBudget.Piece ? ValueTask.CompletedTask : Grow(cancellationToken);
    }

    public void Dispose()
    {
        memory.GiveBack(_pieces, _noRoom);
        (_pieces, _noRoom) = (0, false);
    }

    private async ValueTask Grow(CancellationToken cancellationToken)
    {
        while (_characters > (long)_pieces * MemoryBudget.Piece)
        {
            if (!await memory.Grow(cancellationToken))
            {
                _noRoom = true;
                throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server has memory for now; it was ended here.");
            }

            _pieces++;
        }
    }
}
