using AiChat.Data.Chats;

namespace AiChat.Endpoints.Runs;

/// <summary>The versions of a question and those of the answer to it, by id; each message is among its own.</summary>
internal sealed record TurnVersions(IReadOnlyList<long> Question, IReadOnlyList<long> Answer)
{
    /// <param name="questionParent">What the question follows; null when it begins the chat.</param>
    public static async Task<TurnVersions> Read(Messages messages, long userId, long sessionId, long? questionParent, long question)
    {
        var children = await messages.Children(userId, sessionId, questionParent is { } parent ? [parent, question] : [question], questionParent is null);
        var byParent = children.ToLookup(child => child.ParentId, child => child.Id);
        return new TurnVersions([.. byParent[questionParent]], [.. byParent[question]]);
    }
}
