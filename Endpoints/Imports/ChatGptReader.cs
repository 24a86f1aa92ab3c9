using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// Chats of ChatGPT's export: a mapping of nodes with one message each. What the model did between a question and the end of its answer
/// (thoughts, tools, several texts) is one answer here.
/// </summary>
internal sealed class ChatGptReader : IChatReader
{
    public string Source => "chatgpt";

    public bool Knows(JsonValue value) => value["mapping"].IsObject;

    public ImportedChat? Read(JsonValue value, IChatFiles files)
    {
        var nodes = Nodes(value["mapping"]);
        var writer = new TurnWriter(nodes, value["default_model_slug"].Text, files);
        writer.Write();
        return ReadChat.Finish(new ImportedChat
        {
            Source = Source,
            Key = value["conversation_id"].Text ?? value["id"].Text ?? "",
            Title = value["title"].Text ?? "",
            CreatedAt = value["create_time"].Time ?? value["inserted_at"].Time,
            UpdatedAt = value["update_time"].Time ?? value["updated_at"].Time,
            Archived = value["is_archived"].IsTrue,
            Pinned = value["is_starred"].IsTrue || value["pinned_time"].Time is not null,
            Messages = writer.Messages,
            LeafKey = value["current_node"].Text is { } leaf ? writer.KeyOf(leaf) : null,
        });
    }

    /// <summary>The nodes with their parents: as each names its own, else as others name it among their children.</summary>
    private static Dictionary<string, ChatGptNode> Nodes(JsonValue mapping)
    {
        var nodes = new Dictionary<string, ChatGptNode>();
        foreach (var (id, node) in mapping.Members)
        {
            nodes[id] = new ChatGptNode(id, node) { Parent = node["parent"].Text };
        }

        foreach (var (id, node) in mapping.Members)
        {
            foreach (var child in node["children"].Items)
            {
                if (child.Text is { } name && nodes.TryGetValue(name, out var found) && found.Parent is null && name != id)
                {
                    found.Parent = id;
                }
            }
        }

        return nodes;
    }

    /// <summary>Makes messages of the nodes, each after its parent.</summary>
    private sealed class TurnWriter(Dictionary<string, ChatGptNode> nodes, string? defaultModel, IChatFiles files)
    {
        private readonly Dictionary<string, Turn> _turns = [];
        private readonly Dictionary<string, List<ChatGptNode>> _children = [];
        private readonly List<Turn> _order = [];

        public List<ImportedMessage> Messages { get; } = [];

        public string? KeyOf(string node) =>
            _turns.GetValueOrDefault(node) is { } turn ? (turn.Text.IsEmpty ? Above(turn) : turn)?.Key : null;

        public void Write()
        {
            foreach (var node in nodes.Values)
            {
                if (node.Parent is { } parent && nodes.ContainsKey(parent))
                {
                    (_children.TryGetValue(parent, out var list) ? list : _children[parent] = []).Add(node);
                }
            }

            // Whole trees first, then what hangs on nodes that are missing, then circles.
            foreach (var root in nodes.Values.Where(node => node.Parent is null))
            {
                Walk(root, null);
            }

            foreach (var orphan in nodes.Values.Where(node => node.Parent is { } parent && !nodes.ContainsKey(parent)))
            {
                // The store finds a place for it.
                Walk(orphan, new Turn(orphan.Parent!, null, null, files.Text()) { IsForeign = true });
            }

            foreach (var node in nodes.Values.Where(node => !_turns.ContainsKey(node.Id)))
            {
                Walk(node, node.Parent is { } parent ? new Turn(parent, null, null, files.Text()) { IsForeign = true } : null);
            }

            foreach (var turn in _order.Where(turn => !turn.Text.IsEmpty))
            {
                Messages.Add(turn.Text.Message(turn.Key, Above(turn)?.Key, turn.Role!, turn.CreatedAt));
            }
        }

        /// <summary>The nearest turn above that says anything.</summary>
        private static Turn? Above(Turn turn)
        {
            var above = turn.Parent;
            while (above is { IsForeign: false } && above.Text.IsEmpty)
            {
                above = above.Parent;
            }

            return above;
        }

        private void Walk(ChatGptNode first, Turn? above)
        {
            var waiting = new Stack<(ChatGptNode Node, Turn? Above, MessageText? Begun)>();
            waiting.Push((first, above, null));
            while (waiting.TryPop(out var next))
            {
                if (_turns.ContainsKey(next.Node.Id))
                {
                    continue;
                }

                var turn = Place(next.Node, next.Above, next.Begun);
                _turns[next.Node.Id] = turn;
                var children = _children.GetValueOrDefault(next.Node.Id) ?? [];

                // An answer goes on in its first child; what the others continue is another version of it.
                var begun = turn.Role == "assistant" && children.Count > 1 ? turn.Text.Fork() : null;
                for (var i = children.Count - 1; i >= 0; i--)
                {
                    waiting.Push((children[i], turn, i == 0 ? null : begun));
                }
            }
        }

        /// <summary>The turn that a node belongs to, with what the node adds to it.</summary>
        /// <param name="begun">What the answer has said already, when this node continues another version of it.</param>
        private Turn Place(ChatGptNode node, Turn? above, MessageText? begun)
        {
            if (ChatGptText.IsHidden(node.Message))
            {
                return above ?? Add(new Turn(node.Id, null, null, files.Text()));
            }

            var message = node.Message;
            var time = message["create_time"].Time ?? message["inserted_at"].Time;
            if (ChatGptText.IsUser(message))
            {
                var question = Add(new Turn(node.Id, "user", above, files.Text()) { CreatedAt = time });
                ChatGptText.Write(message, question.Text, files);
                return question;
            }

            var turn = above is { Role: "assistant" } && begun is null
                ? above
                : Add(new Turn(node.Id, "assistant", begun is null ? above : above!.Parent,
                    begun?.Fork() ?? files.Text())
                { CreatedAt = time });
            turn.CreatedAt ??= time;
            turn.Text.Model = message["metadata"]["model_slug"].Text ?? turn.Text.Model ?? message["model"].Text ?? defaultModel;
            ChatGptText.Write(message, turn.Text, files);
            return turn;
        }

        private Turn Add(Turn turn)
        {
            _order.Add(turn);
            return turn;
        }
    }

    private sealed record Turn(string Key, string? Role, Turn? Parent, MessageText Text)
    {
        public long? CreatedAt { get; set; }

        /// <summary>Not in this chat.</summary>
        public bool IsForeign { get; init; }
    }
}

internal sealed class ChatGptNode(string id, JsonValue node)
{
    public string Id { get; } = id;

    /// <summary>Read again each time: to keep the messages of a large chat would be to keep the chat.</summary>
    public JsonValue Message => node["message"];

    public string? Parent { get; set; }
}
