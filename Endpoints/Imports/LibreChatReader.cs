using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>A chat that LibreChat exported, as a tree of messages within one another or as a list.</summary>
internal sealed class LibreChatReader : IChatReader
{
    private const string NoParent = "00000000-0000-0000-0000-000000000000";

    public string Source => "librechat";

    public bool Knows(JsonValue value) =>
        value["conversationId"].IsText && (value["messages"].IsList || value["messagesTree"].IsList);

    public ImportedChat? Read(JsonValue value, IChatFiles files)
    {
        var options = value["options"];
        var messages = new List<ImportedMessage>();
        var isLinear = Flatten(value).All(entry => !entry.Message["parentMessageId"].IsText && entry.Parent is null);
        foreach (var (message, above) in Flatten(value))
        {
            var key = message["messageId"].Text ?? message["_id"].Text ?? $"message-{messages.Count}";
            var named = message["parentMessageId"].Text is { Length: > 0 } parent && parent != NoParent ? parent : null;
            messages.Add(Message(key, message, above ?? named ?? (isLinear ? messages.LastOrDefault()?.Key : null), files));
        }

        return ReadChat.Finish(new ImportedChat
        {
            Source = Source,
            Key = value["conversationId"].Text!,
            Title = value["title"].Text ?? options["title"].Text ?? "",
            CreatedAt = value["createdAt"].Time ?? options["createdAt"].Time ?? messages.Select(message => message.CreatedAt).Min(),
            UpdatedAt = value["updatedAt"].Time ?? options["updatedAt"].Time,
            Archived = value["isArchived"].IsTrue || options["isArchived"].IsTrue,
            SystemPrompt = options["promptPrefix"].Text ?? options["system"].Text,
            Messages = messages,
        });
    }

    /// <summary>Every message with the one it stands in. No recursion: a chat nests as deep as it is long.</summary>
    private static IEnumerable<(JsonValue Message, string? Parent)> Flatten(JsonValue value)
    {
        var waiting = new Stack<(JsonValue Message, string? Parent)>();
        Push(value["messagesTree"].IsList ? value["messagesTree"] : value["messages"], null);
        while (waiting.TryPop(out var next))
        {
            yield return next;
            Push(next.Message["children"], next.Message["messageId"].Text);
        }

        void Push(JsonValue list, string? parent)
        {
            foreach (var message in list.Items.Where(message => message.IsObject).Reverse())
            {
                waiting.Push((message, parent));
            }
        }
    }

    private static ImportedMessage Message(string key, JsonValue message, string? parent, IChatFiles files)
    {
        var isUser = message["isCreatedByUser"].IsTrue || message["sender"].Text is "User" or "user";
        var text = files.Text(message["model"].Text ?? message["sender"].Text);
        foreach (var part in message["content"].Items)
        {
            Part(part, text, files);
        }

        if (text.IsEmpty)
        {
            DetailsText.Write(message["text"].Text ?? message["content"].Text ?? "", text);
        }

        foreach (var file in message["files"].Items.Concat(message["attachments"].Items))
        {
            var name = file["filename"].Text ?? file["file_id"].Text ?? "file";
            if (file["type"].Text?.StartsWith("image/", StringComparison.Ordinal) == true)
            {
                var open = (file["file_id"].Text is { } id ? files.Find(id) : null) ?? files.Find(file["filepath"].Text ?? name)
                    ?? files.Find(name);
                text.Images.Add(new ImportedImage(name, () => open?.Invoke()));
            }
            else
            {
                text.AddFile(name);
                files.LeaveOut(name, "file_not_kept", "Files other than pictures are not kept here; the message names it.");
            }
        }

        var isFailed = message["error"].IsTrue;
        return text.Message(key, parent, isUser ? "user" : "assistant", message["createdAt"].Time) with
        {
            Status = isFailed ? "failed" : message["unfinished"].IsTrue ? "stopped" : "done",
            ErrorCode = isFailed ? "provider_error" : null,
            FinishReason = message["finish_reason"].Text is { Length: <= 40 } reason ? reason : null,
        };
    }

    private static void Part(JsonValue part, MessageText text, IChatFiles files)
    {
        switch (part["type"].Text)
        {
            case "think":
                text.Reason(part["think"].Text ?? part["think"]["value"].Text);
                break;
            case "tool_call":
                var call = part["tool_call"];
                text.Call(call["id"].Text, call["name"].Text ?? call["function"]["name"].Text,
                    call["args"].Json ?? call["function"]["arguments"].Json);
                text.Result(call["id"].Text, null, call["output"].Json ?? call["function"]["output"].Json ?? "");
                break;
            case "image_url" when part["image_url"]["url"].Text is { } url:
                var open = files.Find(url);
                text.Images.Add(new ImportedImage(ReadChat.ShortName(url), () => open?.Invoke()));
                break;
            case "error":
                text.Add(part["error"].Text);
                break;
            default:
                text.Add(part["text"].Text ?? part["text"]["value"].Text);
                break;
        }
    }
}
