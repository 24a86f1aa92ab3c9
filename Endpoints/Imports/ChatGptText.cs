using System.Text.RegularExpressions;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>What one node of ChatGPT's export says.</summary>
internal static partial class ChatGptText
{
    /// <summary>Nothing that its author or the model said: instructions, the profile, what the program keeps for itself.</summary>
    public static bool IsHidden(JsonValue message) =>
        !message.Exists || message["author"]["role"].Text is "system" or "developer" or "root"
        || message["metadata"]["is_visually_hidden_from_conversation"].IsTrue
        || message["content"]["content_type"].Text is "user_editable_context" or "model_editable_context";

    public static bool IsUser(JsonValue message) => (message["author"]["role"].Text ?? Fragment(message)) is "user" or "REQUEST";

    public static void Write(JsonValue message, MessageText text, IChatFiles files)
    {
        var content = message["content"];
        if (message["fragments"].IsList)
        {
            DeepSeek(message, text, files);
        }
        else if (message["author"]["role"].Text == "tool")
        {
            Tool(message, content, text, files);
        }
        else if (message["recipient"].Text is { Length: > 0 } tool && tool != "all" && !IsUser(message))
        {
            Call(message, tool, content, text);
        }
        else
        {
            Say(message, content, text, files);
        }

        Attachments(message, text, files);
    }

    private static void Say(JsonValue message, JsonValue content, MessageText text, IChatFiles files)
    {
        switch (content["content_type"].Text)
        {
            case "thoughts":
                foreach (var thought in content["thoughts"].Items)
                {
                    var summary = thought["summary"].Text is { Length: > 0 } title ? $"**{title}**\n\n" : "";
                    text.Reason($"{summary}{thought["content"].Text}");
                }

                break;
            case "reasoning_recap":
                text.ReasoningMs = message["metadata"]["finished_duration_sec"].Number is { } seconds ? (long)(seconds * 1000)
                    : text.ReasoningMs;
                break;
            case "code":
                text.AddBlock(content["language"].Text is { Length: > 0 } name and not "unknown" ? name : "code", "",
                    content["text"].Text ?? "");
                break;
            default:
                // Whatever its type is called: the texts and pictures it has.
                foreach (var part in content["parts"].Items)
                {
                    Part(message, part, text, files);
                }

                if (!content["parts"].IsList)
                {
                    text.Add(ChatGptCitations.Resolve(content["text"].Text ?? content["result"].Text ?? content.Text, message["metadata"]));
                }

                break;
        }
    }

    private static void Part(JsonValue message, JsonValue part, MessageText text, IChatFiles files)
    {
        if (part.IsText)
        {
            text.Add(ChatGptCitations.Resolve(part.Text, message["metadata"]));
        }
        else if (part["asset_pointer"].Text is { } pointer
            && part["content_type"].Text?.StartsWith("audio", StringComparison.Ordinal) != true)
        {
            Picture(pointer, part["metadata"]["dalle"]["prompt"].Text, text, files);
        }
        else if (part["content_type"].Text == "audio_transcription" || part["text"].IsText)
        {
            text.Add(part["text"].Text);
        }
        else
        {
            files.LeaveOut(part["content_type"].Text ?? "a part of a message", "not_shown", "Sound and video are not kept here.");
        }
    }

    private static void Picture(string pointer, string? prompt, MessageText text, IChatFiles files)
    {
        var name = pointer[(pointer.IndexOf("//", StringComparison.Ordinal) is var at && at >= 0 ? at + 2 : 0)..];
        name = name.Split('?', '#')[0];
        var open = files.Find(name);
        text.Images.Add(new ImportedImage(name, () => open?.Invoke()));
        if (prompt is { Length: > 0 })
        {
            text.Add($"*{prompt.ReplaceLineEndings(" ").Replace('*', ' ')}*");
        }
    }

    /// <summary>The model calls a tool. What it writes into a canvas is a text of its own.</summary>
    private static void Call(JsonValue message, string tool, JsonValue content, MessageText text)
    {
        var arguments = content["text"].Text
            ?? string.Join('\n', content["parts"].Items.Select(part => part.Text).Where(part => part is { Length: > 0 }));
        if (tool.StartsWith("canmore.create", StringComparison.Ordinal) && Parsed.Object(arguments) is { } canvas
            && canvas["content"].IsText)
        {
            var kind = canvas["type"].Text ?? "";
            var language = kind.StartsWith("code/", StringComparison.Ordinal) ? kind[5..] : "markdown";
            text.AddBlock(canvas["name"].Text ?? "Canvas", language, canvas["content"].Text ?? "");
            return;
        }

        text.Call(message["id"].Text, tool, arguments);
    }

    /// <summary>What a tool returned, with the pictures it made.</summary>
    private static void Tool(JsonValue message, JsonValue content, MessageText text, IChatFiles files)
    {
        var results = new List<string?> { content["text"].Text, content["result"].Text, content["summary"].Text, content["title"].Text,
            content["url"].Text };
        foreach (var part in content["parts"].Items)
        {
            if (part["asset_pointer"].IsText)
            {
                Part(message, part, text, files);
            }
            else
            {
                results.Add(part.Text ?? part["text"].Text);
            }
        }

        foreach (var picture in message["metadata"]["aggregate_result"]["messages"].Items)
        {
            if (picture["image_url"].Text is { } pointer)
            {
                Picture(pointer, null, text, files);
            }
        }

        var result = string.Join('\n', results.Where(line => line is { Length: > 0 }));
        var isError = content["content_type"].Text == "system_error";
        text.Result(null, message["author"]["name"].Text, isError ? null : result, isError ? result : null);
    }

    /// <summary>Pictures are among the parts too; other files are not kept here, so that their names stand in the text.</summary>
    private static void Attachments(JsonValue message, MessageText text, IChatFiles files)
    {
        foreach (var attachment in message["metadata"]["attachments"].Items)
        {
            var name = attachment["name"].Text ?? attachment["id"].Text ?? "file";
            if (attachment["mime_type"].Text?.StartsWith("image/", StringComparison.Ordinal) == true || PictureName().IsMatch(name))
            {
                if ((attachment["id"].Text ?? attachment["name"].Text) is { } id && text.Images.All(image => image.Name != id))
                {
                    var open = files.Find(id) ?? files.Find(name);
                    text.Images.Add(new ImportedImage(id, () => open?.Invoke()));
                }
            }
            else
            {
                text.AddFile(name);
                files.LeaveOut(name, "file_not_kept", "Files other than pictures are not kept here; the message names it.");
            }
        }
    }

    private static string? Fragment(JsonValue message) => message["fragments"].Items.FirstOrDefault()?["type"].Text;

    /// <summary>DeepSeek's export has the same mapping, with other messages in it.</summary>
    private static void DeepSeek(JsonValue message, MessageText text, IChatFiles files)
    {
        foreach (var fragment in message["fragments"].Items)
        {
            if (fragment["type"].Text == "THINK")
            {
                text.Reason(fragment["content"].Text);
            }
            else if (fragment["type"].Text is "REQUEST" or "RESPONSE")
            {
                text.Add(fragment["content"].Text);
            }
        }

        foreach (var file in message["files"].Items)
        {
            var name = file["file_name"].Text ?? file["id"].Text ?? "file";
            text.AddFile(name);
            files.LeaveOut(name, "file_not_kept", "Files other than pictures are not kept here; the message names it.");
        }
    }

    [GeneratedRegex(@"\.(png|jpe?g|gif|webp)\z", RegexOptions.IgnoreCase)]
    private static partial Regex PictureName();
}
