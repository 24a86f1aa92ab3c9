using System.Collections.Concurrent;
using System.Globalization;
using AiChat.Data.Nodes;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Provider state by tool call. Some providers want signed reasoning back together with the tool calls that it led to, and other protocols
/// have no member for it. Bounded; a provider whose state was evicted reasons again. Several processes on one database share them for an
/// hour. Safe for any thread.
/// </summary>
internal sealed class CallStates(NodeStore nodes)
{
    private const string Shared = "call state";

    private static readonly TimeSpan SharedLife = TimeSpan.FromHours(1);

    private const long MaxCharacters = 16 * 1024 * 1024;

    private readonly ConcurrentDictionary<(long UserId, string CallId), string> _states = new();
    private long _characters;

    /// <summary>Stores the state of an answer that ends with tool calls.</summary>
    public async Task Store(long userId, CompatAnswer answer)
    {
        if (answer is not { State: { } state, Calls: [var first, ..] } || state.Length > MaxCharacters / 16)
        {
            return;
        }

        Remember(userId, first.Id, state);
        if (AreShared)
        {
            await nodes.Keep(Shared, KeyOf(userId, first.Id), state, SharedLife);
        }
    }

    /// <summary>Whether another process may have stored some.</summary>
    public bool AreShared => !nodes.IsAlone;

    /// <summary>Call before <see cref="Restore"/> where states are shared: fetches those that another process has stored.</summary>
    public async Task Fetch(long userId, IEnumerable<ChatTurn> turns)
    {
        foreach (var turn in turns)
        {
            if (turn is { State: null, ToolCalls: [var first, ..] } && !_states.ContainsKey((userId, first.Id))
                && await nodes.Kept(Shared, KeyOf(userId, first.Id)) is { } state)
            {
                Remember(userId, first.Id, state);
            }
        }
    }

    /// <summary>The turn with the state that belongs to its tool calls, if there is one.</summary>
    public ChatTurn Restore(long userId, ChatTurn turn) =>
        turn is { State: null, ToolCalls: [var first, ..] } && _states.TryGetValue((userId, first.Id), out var state)
            ? turn with { State = state }
            : turn;

    private void Remember(long userId, string callId, string state)
    {
        if (Interlocked.Add(ref _characters, state.Length) > MaxCharacters)
        {
            _states.Clear();
            Interlocked.Exchange(ref _characters, state.Length);
        }

        _states[(userId, callId)] = state;
    }

    private static string KeyOf(long userId, string callId) => string.Create(CultureInfo.InvariantCulture, $"{userId} {callId}");
}
