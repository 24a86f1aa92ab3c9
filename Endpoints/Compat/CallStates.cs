using System.Collections.Concurrent;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Some providers want signed thinking back together with the tool calls it led to, and clients of other protocols have no place for
/// it: it waits here under the calls' ids. Bounded; what is forgotten only means that the provider thinks anew. Safe for any thread.
/// </summary>
internal sealed class CallStates
{
    private const long MaxCharacters = 16 * 1024 * 1024;

    private readonly ConcurrentDictionary<(long UserId, string CallId), string> _states = new();
    private long _characters;

    public void Keep(long userId, CompatAnswer answer)
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

    public ChatTurn Restore(long userId, ChatTurn turn) =>
        turn is { State: null, ToolCalls: [var first, ..] } && _states.TryGetValue((userId, first.Id), out var state) ? turn with { State = state } : turn;
}
