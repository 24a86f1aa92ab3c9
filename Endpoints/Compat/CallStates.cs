using System.Collections.Concurrent;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Provider state by tool call. Some providers want signed reasoning back together with the tool calls that it led to, and other protocols
/// have no member for it. Bounded; a provider whose state was evicted reasons again. Safe for any thread.
/// </summary>
internal sealed class CallStates
{
    private const long MaxCharacters = 16 * 1024 * 1024;

    private readonly ConcurrentDictionary<(long UserId, string CallId), string> _states = new();
    private long _characters;

    /// <summary>Stores the state of an answer that ends with tool calls.</summary>
    public void Store(long userId, CompatAnswer answer)
    {
        if (answer is not { State: { } state, Calls: [var first, ..] } || state.Length > MaxCharacters / 16)
        {
            return;
        }

        if (Interlocked.Add(ref _characters, state.Length) > MaxCharacters)
        {
            _states.Clear();
            Interlocked.Exchange(ref _characters, state.Length);
        }

        _states[(userId, first.Id)] = state;
    }

    /// <summary>The turn with the state that belongs to its tool calls, if there is one.</summary>
    public ChatTurn Restore(long userId, ChatTurn turn) =>
        turn is { State: null, ToolCalls: [var first, ..] } && _states.TryGetValue((userId, first.Id), out var state)
            ? turn with { State = state }
            : turn;
}
