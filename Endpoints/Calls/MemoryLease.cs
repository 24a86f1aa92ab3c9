using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>The memory that one answer takes as it grows, including its first piece. Used by one thread at a time.</summary>
internal sealed class MemoryLease(MemoryBudget memory) : IDisposable
{
    private long _characters;
    private int _pieces = 1;
    private bool _refused;

    /// <summary>Counts a delta; near the limit it waits until another answer has ended.</summary>
    /// <exception cref="ProviderException">There is no memory for a longer answer; it has to end with its present text.</exception>
    public ValueTask Add(ChatDelta delta, CancellationToken cancellationToken) => Add(
        delta switch
        {
            ChatDelta.Text text => text.Value.Length,
            ChatDelta.Reasoning reasoning => reasoning.Value.Length,
            ChatDelta.ToolCall call => call.ArgumentsFragment.Length,
            _ => 0, // relayed frames have a limit of their own
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
        memory.GiveBack(_pieces, _refused);
        (_pieces, _refused) = (0, false);
    }

    private async ValueTask Grow(CancellationToken cancellationToken)
    {
        while (_characters > (long)_pieces * MemoryBudget.Piece)
        {
            if (!await memory.Grow(cancellationToken))
            {
                _refused = true;
                throw new ProviderException(
                    ProviderFailure.TooLarge, "The server does not have the memory for a longer answer now; it was ended here.");
            }

            _pieces++;
        }
    }
}
