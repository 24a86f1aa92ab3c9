using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// Chats of Open WebUI, one or all, of one person or of everybody; older ones without the object around the chat, or with a list of
/// messages instead of a tree.
/// </summary>
internal sealed class OpenWebUiReader : IChatReader
{
    private const int MaxSources = 50;

    public string Source => "openwebui";

    public bool Knows(JsonValue value) => Tree(Chat(value)).IsObject || Linear(Chat(value)).IsList;

    public ImportedChat? Read(JsonValue value, IChatFiles files)
    {
        var chat = Chat(value);
        var messages = Tree(chat).IsObject ? Branches(chat) : InALine(Linear(chat));
        return ReadChat.Finish(new ImportedChat
        {
            Source = Source,
            Key = value["id"].Text ?? chat["id"].Text ?? "",
            Title = value["title"].Text ?? chat["title"].Text ?? "",
            CreatedAt = value["created_at"].Time ?? chat["timestamp"].Time,
            UpdatedAt = value["updated_at"].Time ?? chat["timestamp"].Time,
            Pinned = value["pinned"].IsTrue,
            Archived = value["archived"].IsTrue,
            SystemPrompt = chat["params"]["system"].Text ?? chat["system"].Text,
            Messages = [.. messages.Select(entry => Message(entry, files)).OfType<ImportedMessage>()],
            LeafKey = chat["history"]["currentId"].Text,
        });
    }

    private static JsonValue Chat(JsonValue value) => value["chat"].IsObject ? value["chat"] : value;

    private static JsonValue Tree(JsonValue chat) => chat["history"]["messages"];

    /// <summary>A list of messages that have roles: other programs' messages have none.</summary>
    private static JsonValue Linear(JsonValue chat) =>
        chat["messages"].IsList && chat["messages"].Items.All(message => message["role"].IsText) ? chat["messages"] : JsonValue.Absent;

    private static List<Entry> InALine(JsonValue messages)
    {
        var entries = new List<Entry>();
        foreach (var message in messages.Items)
        {
            entries.Add(new Entry(message["id"].Text ?? $"message-{entries.Count}", message, entries.LastOrDefault()?.Key, 0));
        }

        return entries;
    }

    /// <summary>The messages with their parents, siblings in the order in which their parent names them.</summary>
    private static List<Entry> Branches(JsonValue chat)
    {
        var named = new Dictionary<string, Named>();
        foreach (var member in Tree(chat).Members)
        {
            var place = 0;
            foreach (var child in member.Value["childrenIds"].Items)
            {
                if (child.Text is { } name)
                {
                    named.TryAdd(name, new Named(member.Name, place++));
                }
            }
        }

        var entries = new List<Entry>();
        foreach (var member in Tree(chat).Members.Where(member => member.Value.IsObject))
        {
            var byParent = named.GetValueOrDefault(member.Name);
            var parent = member.Value["parentId"].Text is { Length: > 0 } own ? own : byParent?.Parent;
            entries.Add(new Entry(member.Name, member.Value, parent, byParent?.Place ?? 0));
        }

        entries.Sort((left, right) => left.Place.CompareTo(right.Place));
        return entries;
    }

    private static ImportedMessage? Message(Entry entry, IChatFiles files)
    {
        var message = entry.Message;
        if (message["role"].Text is "system")
        {
            return null;
        }

        var text = files.Text(message["model"].Text ?? message["modelName"].Text);
        var isUser = message["role"].Text == "user";
        Write(message, text, files);
        foreach (var file in message["files"].Items.Concat(message["images"].Items))
        {
            AddFile(file, text, files);
        }

        Sources(message, text);
        var error = message["error"]["content"].Text ?? message["error"]["message"].Text ?? message["error"]["detail"].Text
            ?? message["error"].Text;
        var usage = message["usage"].IsObject ? message["usage"] : message["info"]["usage"].IsObject ? message["info"]["usage"]
            : message["info"];
        var prompt = usage["prompt_tokens"].Whole ?? usage["input_tokens"].Whole ?? usage["prompt_eval_count"].Whole;
        var completion = usage["completion_tokens"].Whole ?? usage["output_tokens"].Whole ?? usage["eval_count"].Whole;
        return text.Message(entry.Key, entry.Parent, isUser ? "user" : "assistant", message["timestamp"].Time) with
        {
            Status = error is not null ? "failed" : !isUser && message["done"].Exists && !message["done"].IsTrue ? "interrupted" : "done",
            ErrorCode = error is null ? null : "provider_error",
            ErrorDetail = error is { Length: > 2_000 } ? error[..2_000] : error,
            PromptTokens = isUser ? null : prompt,
            CompletionTokens = isUser ? null : completion,
            UsageSource = isUser || (prompt is null && completion is null) ? null : "provider",
        };
    }

    private static void Write(JsonValue message, MessageText text, IChatFiles files)
    {
        text.Reason(message["reasoning_content"].Text ?? message["reasoning"].Text);
        if (message["output"].IsList && message["output"].Items.Any(item => item["type"].IsText))
        {
            foreach (var item in message["output"].Items)
            {
                Output(item, text, files);
            }

            if (!text.IsEmpty)
            {
                return;
            }
        }

        if (message["content"].IsText)
        {
            DetailsText.Write(message["content"].Text!, text);
            return;
        }

        Say(message["content"], text, files);
        if (message["content"].Exists && text.IsEmpty && message["content"].Json is not ("[]" or "{}"))
        {
            files.LeaveOut(message["role"].Text ?? "message", "not_read", "Its text has a form that is not known here.");
        }
    }

    /// <summary>What programs keep as the content of a message: a text, an object around one, or a list of these and of pictures.</summary>
    private static void Say(JsonValue content, MessageText text, IChatFiles files)
    {
        var parts = content["parts"].IsList ? content["parts"] : content;
        if (!parts.IsList)
        {
            text.Add(Said(parts));
            return;
        }

        foreach (var part in parts.Items)
        {
            text.Add(Said(part));
        }

        Parts(parts, text, files);
    }

    private static string? Said(JsonValue part) =>
        part.Text ?? part["text"].Text ?? part["text"]["value"].Text ?? part["content"].Text ?? part["value"].Text;

    /// <summary>A piece of an answer in the form of the Responses API, which newer versions keep beside the text.</summary>
    private static void Output(JsonValue item, MessageText text, IChatFiles files)
    {
        var said = string.Join("\n\n", item["content"].Items.Concat(item["summary"].Items).Select(part => part["text"].Text)
            .Where(part => part is { Length: > 0 }));
        switch (item["type"].Text)
        {
            case "reasoning":
                text.Reason(said);
                text.ReasoningMs ??= item["duration"].Number is { } seconds ? (long)(seconds * 1000) : null;
                break;
            case "message":
                text.Add(said);
                Parts(item["content"], text, files);
                break;
            case "function_call_output":
                text.Result(item["call_id"].Text, item["name"].Text, item["output"].IsText ? item["output"].Text
                    : string.Join('\n', item["output"].Items.Select(part => part["text"].Text).Where(part => part is { Length: > 0 })));
                Parts(item["output"], text, files);
                break;
            case "image_generation_call" when item["result"].Text is { Length: > 0 } picture:
                AddPicture(picture.Contains(':', StringComparison.Ordinal) ? picture : $"data:image/png;base64,{picture}", text, files);
                break;
            case { } kind when kind.EndsWith("_call", StringComparison.Ordinal):
                text.Call(item["call_id"].Text ?? item["id"].Text, item["name"].Text ?? kind, item["arguments"].Json ?? item["code"].Text);
                break;
        }
    }

    /// <summary>The pictures and files among the parts of a message or of a result.</summary>
    private static void Parts(JsonValue parts, MessageText text, IChatFiles files)
    {
        foreach (var part in parts.Items)
        {
            if ((part["image_url"]["url"].Text ?? part["image_url"].Text) is { } url)
            {
                AddPicture(url, text, files);
            }
            else if (part["type"].Text is "input_file" or "output_file")
            {
                var name = part["filename"].Text ?? part["file_url"].Text ?? part["file_id"].Text ?? "file";
                text.AddFile(name);
                files.LeaveOut(name, "file_not_kept", "Files other than pictures are not kept here; the message names it.");
            }
        }
    }

    private static void AddFile(JsonValue file, MessageText text, IChatFiles files)
    {
        if (file.IsText)
        {
            AddPicture(file.Text!, text, files);
            return;
        }

        var reference = file["url"].Text ?? file["id"].Text ?? file["file"]["id"].Text;
        var type = file["content_type"].Text ?? file["file"]["meta"]["content_type"].Text;
        if (reference is not null && (file["type"].Text == "image" || type?.StartsWith("image/", StringComparison.Ordinal) == true))
        {
            AddPicture(reference, text, files);
            return;
        }

        var name = file["name"].Text ?? file["file"]["filename"].Text ?? file["file"]["meta"]["name"].Text ?? reference ?? "file";
        if (file["file"]["data"]["content"].Text is { Length: > 0 } content)
        {
            text.AddBlock(name, "", content);
        }
        else
        {
            text.AddFile(name);
            files.LeaveOut(name, "file_not_kept", "Files other than pictures are not kept here; the message names it.");
        }
    }

    /// <summary>As a data URL, or as the id of a file, which an export of chats does not hold.</summary>
    private static void AddPicture(string reference, MessageText text, IChatFiles files)
    {
        var open = files.Find(reference);
        text.Images.Add(new ImportedImage(ReadChat.ShortName(reference), () => open?.Invoke()));
    }

    private static void Sources(JsonValue message, MessageText text)
    {
        var links = new List<string>();
        foreach (var source in message["sources"].Items.Concat(message["citations"].Items))
        {
            foreach (var metadata in source["metadata"].Items)
            {
                var url = metadata["source"].Text ?? source["source"]["url"].Text;
                var name = metadata["name"].Text ?? metadata["title"].Text ?? source["source"]["name"].Text;
                if (ReadChat.Link(name, url) is { } link && links.Count < MaxSources && !links.Contains($"- {link}"))
                {
                    links.Add($"- {link}");
                }
            }
        }

        text.Add(string.Join('\n', links));
    }

    /// <summary>What a parent says of a message.</summary>
    private sealed record Named(string Parent, int Place);

    /// <param name="Place">Among its siblings.</param>
    private sealed record Entry(string Key, JsonValue Message, string? Parent, int Place);
}
