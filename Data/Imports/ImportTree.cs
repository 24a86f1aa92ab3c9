namespace AiChat.Data.Imports;

/// <summary>A message in its place: after its parent, and after the siblings that the source names before it.</summary>
/// <param name="Parent">Null begins the chat.</param>
internal sealed record PlacedMessage(ImportedMessage Message, PlacedMessage? Parent);

/// <summary>
/// Puts the messages of a chat into an order in which each follows its parent. What does not hold together is kept: a message whose parent
/// is missing, and one message of each circle, continue the message that stands before them in the source.
/// </summary>
internal static class ImportTree
{
    /// <param name="repaired">How many messages got another parent than they name.</param>
    public static List<PlacedMessage> Place(IReadOnlyList<ImportedMessage> messages, out int repaired)
    {
        var byKey = new Dictionary<string, int>(messages.Count);
        for (var i = 0; i < messages.Count; i++)
        {
            byKey.TryAdd(messages[i].Key, i);
        }

        var children = new List<int>?[messages.Count];
        var roots = new List<int>();
        var orphans = new List<int>();
        foreach (var i in byKey.Values.Order())
        {
            if (messages[i].ParentKey is not { } parent)
            {
                roots.Add(i);
            }
            else if (byKey.TryGetValue(parent, out var at) && at != i)
            {
                (children[at] ??= []).Add(i);
            }
            else
            {
                orphans.Add(i);
            }
        }

        var order = new List<PlacedMessage>(messages.Count);
        var placed = new PlacedMessage?[messages.Count];
        roots.ForEach(root => PlaceBranch(root, null));
        var foster = new Dictionary<string, PlacedMessage?>();
        foreach (var orphan in orphans)
        {
            // Messages that miss the same parent stay versions of one another.
            var parent = messages[orphan].ParentKey!;
            if (!foster.TryGetValue(parent, out var before))
            {
                foster[parent] = before = Before(orphan);
            }

            PlaceBranch(orphan, before);
        }

        repaired = orphans.Count;
        foreach (var i in byKey.Values.Order())
        {
            if (placed[i] is null)
            {
                PlaceBranch(i, Before(i)); // a circle
                repaired++;
            }
        }

        return order;

        PlacedMessage? Before(int index)
        {
            while (--index >= 0)
            {
                if (placed[index] is { } found)
                {
                    return found;
                }
            }

            return null;
        }

        // No recursion: a chain may have any length.
        void PlaceBranch(int first, PlacedMessage? above)
        {
            var waiting = new Stack<(int Index, PlacedMessage? Parent)>();
            waiting.Push((first, above));
            while (waiting.TryPop(out var next))
            {
                if (placed[next.Index] is not null)
                {
                    continue;
                }

                var here = placed[next.Index] = new PlacedMessage(messages[next.Index], next.Parent);
                order.Add(here);
                for (var i = (children[next.Index]?.Count ?? 0) - 1; i >= 0; i--)
                {
                    waiting.Push((children[next.Index]![i], here));
                }
            }
        }
    }

    /// <summary>The end of the branch that is shown: the named message, else the newest message that nothing follows.</summary>
    public static PlacedMessage? Leaf(IReadOnlyList<PlacedMessage> order, string? key)
    {
        var named = key is null ? null : order.FirstOrDefault(placed => placed.Message.Key == key);
        if (named is not null || order.Count == 0)
        {
            return named;
        }

        var parents = order.Select(placed => placed.Parent).ToHashSet();
        return order.Where(placed => !parents.Contains(placed)).MaxBy(placed => placed.Message.CreatedAt ?? 0)!;
    }
}
