using System.Globalization;
using System.Text.Json;
using AiChat.Data.Imports;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Imports;

/// <summary>Chats that this server or another of its kind exported, alone or with an account.</summary>
internal sealed class OwnReader : IChatReader
{
    /// <summary>As the report and the table of imported chats call it.</summary>
    public const string Name = "aichat";

    public string Source => Name;

    public bool Knows(JsonValue value) => value["session"].IsObject && value["messages"].IsList;

    public ImportedChat? Read(JsonValue value, IChatFiles files)
    {
        var session = value["session"];
        var created = session["createdAt"].Time;
        return ReadChat.Finish(new ImportedChat
        {
            Source = Source,

            // Ids begin at 1 on every server, so the time tells them apart.
            Key = $"{session["id"].Text}-{created}",
            Title = session["title"].Text ?? "",
            CreatedAt = created,
            UpdatedAt = session["updatedAt"].Time,
            Pinned = session["pinned"].IsTrue,
            Archived = session["archived"].IsTrue,
            SystemPrompt = session["systemPrompt"].Text,
            Messages = [.. value["messages"].Items.Where(message => message["id"].Whole is not null)
                .Select(message => Message(message, files))],
        });
    }

    /// <summary>The id that the chat of this key has on its own server.</summary>
    public static (long Id, long CreatedAt)? Origin(string key) => key.Split('-') is [var id, var created]
        && long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var sessionId)
        && long.TryParse(created, NumberStyles.None, CultureInfo.InvariantCulture, out var createdAt) ? (sessionId, createdAt) : null;

    private static ImportedMessage Message(JsonValue message, IChatFiles files)
    {
        var usage = message["usage"];
        var calls = message["toolCalls"].Items.Select(call => new ToolCallResponse(
            call["id"].Text ?? "", call["name"].Text ?? "tool", call["status"].Text is "failed" ? "failed" : "succeeded",
            call["arguments"].Text, call["result"].Text, call["error"].Text)).ToList();
        return new ImportedMessage
        {
            Key = message["id"].Text!,
            ParentKey = message["parentId"].Text,
            Role = message["role"].Text == "user" ? "user" : "assistant",
            Content = files.Keep(message["content"].Text ?? ""),
            Reasoning = message["reasoning"].Text is { } reasoning ? files.Keep(reasoning) : null,
            ReasoningMs = message["reasoningMs"].Whole,
            ToolCalls = calls.Count == 0 ? null : files.Keep(JsonSerializer.Serialize(
                [.. calls.Select(call => new StoredToolEvent(0, call))], RunsJson.Wire.IReadOnlyListStoredToolEvent)),
            Model = message["model"].Text,
            Provider = message["provider"].Text,
            Status = message["status"].Text is "stopped" or "interrupted" or "failed" ? message["status"].Text!
                : message["status"].Text == "streaming" ? "interrupted" : "done",
            ErrorCode = message["error"]["code"].Text,
            ErrorDetail = message["error"]["detail"].Text,
            FinishReason = message["finishReason"].Text,
            PromptTokens = usage["promptTokens"].Whole,
            CompletionTokens = usage["completionTokens"].Whole,
            ReasoningTokens = usage["reasoningTokens"].Whole,
            CachedTokens = usage["cachedTokens"].Whole,
            CostNanos = usage["cost"].Number is { } cost and >= 0 and < 1e9 ? (long)(cost * 1e9) : null,
            UsageSource = usage["source"].Text is "provider" or "estimate" ? usage["source"].Text : null,
            FirstTokenMs = message["firstTokenMs"].Whole,
            TotalMs = message["totalMs"].Whole,
            CreatedAt = message["createdAt"].Time,
            Images = [.. message["images"].Items.Select(image => image["id"].Text).OfType<string>()
                .Select(id => new ImportedImage(id, () => files.Find(id)?.Invoke()))],
        };
    }
}
