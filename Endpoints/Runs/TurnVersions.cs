using AiChat.Data.Chats;

namespace AiChat.Endpoints.Runs;

/// <summary>The ids of all versions of a question and of all versions of its answer, each including the message itself.</summary>
internal sealed record TurnVersions(IReadOnlyList<long> Question, IReadOnlyList<long> Answer)
{
    /// <param name="questionParent">The message before the question; null when the question begins the chat.</param>
    public static async Task<TurnVersions> Read(Messages messages, long userId, long sessionId, long? questionParent, long question)
    {
        long[] parents = questionParent is { } parent ? [parent, question] : [question];
        var children = await messages.Children(userId, sessionId, parents, questionParent is null);
        var byParent = children.ToLookup(child => child.ParentId, child => child.Id);
        return new TurnVersions([.. byParent[questionParent]], [.. byParent[question]]);
    }
}
