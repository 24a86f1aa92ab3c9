using System.Text.RegularExpressions;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>Chats of Claude's export: a list of messages, which name their parent in newer exports.</summary>
internal sealed partial class ClaudeReader : IChatReader
{
    /// <summary>The parent of a first message.</summary>
    private const string NoParent = "00000000-0000-4000-8000-000000000000";

    /// <summary>What an export holds in place of what its writer did not know how to show.</summary>
    private static readonly string[] Placeholders =
    [
        "This block is not supported on your current device yet.",
        "Viewing artifacts created via the Analysis Tool web feature preview isn’t yet supported on mobile.",
        "Viewing artifacts created via the Analysis Tool web feature preview isn't yet supported on mobile.",
    ];

    public string Source => "claude";

    public bool Knows(JsonValue value) => value["chat_messages"].IsList;

    public ImportedChat? Read(JsonValue value, IChatFiles files)
    {
        var model = value["model"].Text;
        var messages = new List<ImportedMessage>();
        var parents = new Dictionary<string, string?>(); // of messages that say nothing
        var isTree = value["chat_messages"].Items.Any(message => message["parent_message_uuid"].IsText);
        string? before = null;
        var index = 0;
        foreach (var message in value["chat_messages"].Items)
        {
            var key = message["uuid"].Text ?? $"message-{index}";
            index++;
            var parent = !isTree ? before : message["parent_message_uuid"].Text is { } named && named != NoParent ? named : null;
            var text = files.Text(model);
            var isUser = message["sender"].Text is "human" or "user";
            Write(message, text, files);
            if (text.IsEmpty)
            {
                parents[key] = parent;
                continue;
            }

            messages.Add(text.Message(key, parent, isUser ? "user" : "assistant", message["created_at"].Time));
            before = key;
        }

        return ReadChat.Finish(new ImportedChat
        {
            Source = Source,
            Key = value["uuid"].Text ?? "",
            Title = value["name"].Text ?? value["title"].Text ?? "",
            CreatedAt = value["created_at"].Time,
            UpdatedAt = value["updated_at"].Time,
            Pinned = value["is_starred"].IsTrue,
            Messages = messages.ConvertAll(message => message with { ParentKey = Above(message.ParentKey, parents) }),
            LeafKey = value["current_leaf_message_uuid"].Text,
        });
    }

    private static string? Above(string? parent, Dictionary<string, string?> passed)
    {
        for (var steps = 0; parent is not null && passed.TryGetValue(parent, out var next) && steps <= passed.Count; steps++)
        {
            parent = next;
        }

        return parent;
    }

    private static void Write(JsonValue message, MessageText text, IChatFiles files)
    {
        var said = false;
        foreach (var block in message["content"].Items)
        {
            switch (block["type"].Text)
            {
                case "text":
                    said |= block["text"].Text is { Length: > 0 };
                    Say(block["text"].Text, text);
                    break;
                case "thinking":
                    text.Reason(block["thinking"].Text ?? block["text"].Text);
                    text.ReasoningMs ??= block["stop_timestamp"].Time - block["start_timestamp"].Time;
                    break;
                case "tool_use":
                    Call(block, text);
                    break;
                case "tool_result":
                    Result(block, text);
                    break;
                case "image" when Picture(block) is { } reference:
                    var open = files.Find(reference);
                    text.Images.Add(new ImportedImage(ReadChat.ShortName(reference), () => open?.Invoke()));
                    break;
                default:
                    Say(block["text"].Text, text);
                    break;
            }
        }

        if (!said)
        {
            Say(message["text"].Text ?? message["content"].Text, text);
        }

        Attachments(message, text, files);
    }

    /// <summary>Older answers hold their artifacts and thoughts as tags in the text.</summary>
    private static void Say(string? said, MessageText text)
    {
        foreach (var placeholder in Placeholders.Where(placeholder => said?.Contains(placeholder, StringComparison.Ordinal) == true))
        {
            said = said!.Replace($"```\n{placeholder}\n```", "", StringComparison.Ordinal)
                .Replace(placeholder, "", StringComparison.Ordinal);
        }

        if (said is null || !said.Contains("<ant", StringComparison.Ordinal))
        {
            text.Add(said);
            return;
        }

        foreach (Match thought in Thought().Matches(said))
        {
            text.Reason(thought.Groups[1].Value);
        }

        var at = 0;
        said = Thought().Replace(said, "");
        foreach (Match artifact in Artifact().Matches(said))
        {
            text.Add(said[at..artifact.Index]);
            var tag = artifact.Groups[1].Value;
            text.AddBlock(
                ReadChat.Attribute(tag, "title") ?? "Artifact",
                Language(ReadChat.Attribute(tag, "language"), ReadChat.Attribute(tag, "type")),
                artifact.Groups[2].Value.Trim('\n'));
            at = artifact.Index + artifact.Length;
        }

        text.Add(said[at..]);
    }

    private static void Call(JsonValue block, MessageText text)
    {
        var input = block["input"];
        if (block["name"].Text == "artifacts" && input["content"].Text is { Length: > 0 } artifact)
        {
            text.AddBlock(input["title"].Text ?? "Artifact", Language(input["language"].Text, input["type"].Text), artifact);
        }
        else
        {
            text.Call(block["id"].Text, block["name"].Text, input.Json);
        }
    }

    private static void Result(JsonValue block, MessageText text)
    {
        if (block["name"].Text == "artifacts" || !(block["content"].Exists || block["tool_use_id"].Exists || block["name"].Exists))
        {
            return;
        }

        var result = block["content"].IsText ? block["content"].Text : string.Join(
            '\n', block["content"].Items.Select(part => part["text"].Text ?? part["url"].Text ?? part["title"].Text)
                .Where(part => part is { Length: > 0 }));
        var isError = block["is_error"].IsTrue;
        text.Result(block["tool_use_id"].Text, block["name"].Text, isError ? null : result, isError ? result : null);
    }

    private static string Language(string? language, string? type) => language ?? type switch
    {
        "text/html" => "html",
        "image/svg+xml" => "svg",
        "text/markdown" => "markdown",
        "application/vnd.ant.mermaid" => "mermaid",
        "application/vnd.ant.react" => "jsx",
        _ => "",
    };

    private static string? Picture(JsonValue block) =>
        block["source"]["data"].Text is { } data
            ? BlobSpool.IsName(data) ? data : $"data:{block["source"]["media_type"].Text ?? "image/png"};base64,{data}"
            : block["file_uuid"].Text ?? block["source"]["file_uuid"].Text;

    /// <summary>The text that was read from a file stands in the export, its bytes do not.</summary>
    private static void Attachments(JsonValue message, MessageText text, IChatFiles files)
    {
        var named = new HashSet<string>();
        foreach (var attachment in message["attachments"].Items)
        {
            var name = attachment["file_name"].Text is { Length: > 0 } given ? given : "Text";
            named.Add(name);
            if (attachment["extracted_content"].Text is { Length: > 0 } content)
            {
                text.AddBlock(name, "", content);
            }
            else
            {
                text.AddFile(name);
                files.LeaveOut(name, "file_not_kept", "The export names this file without its content.");
            }
        }

        foreach (var file in message["files"].Items.Concat(message["files_v2"].Items))
        {
            var name = file["file_name"].Text ?? file["file_uuid"].Text ?? "file";
            if (!named.Add(file["file_uuid"].Text ?? name))
            {
                continue;
            }

            var open = (file["file_uuid"].Text is { } id ? files.Find(id) : null) ?? files.Find(name);
            if (open is not null && PictureName().IsMatch(name))
            {
                text.Images.Add(new ImportedImage(name, open));
            }
            else if (!named.Contains(name) || file["file_uuid"].IsText)
            {
                text.AddFile(name);
                files.LeaveOut(name, "file_not_kept", "The export names this file without its content.");
            }
        }
    }

    [GeneratedRegex(@"<antThinking>(.*?)</antThinking>", RegexOptions.Singleline)]
    private static partial Regex Thought();

    [GeneratedRegex(@"<antArtifact\b([^>]*)>(.*?)</antArtifact>", RegexOptions.Singleline)]
    private static partial Regex Artifact();

    [GeneratedRegex(@"\.(png|jpe?g|gif|webp)\z", RegexOptions.IgnoreCase)]
    private static partial Regex PictureName();
}
