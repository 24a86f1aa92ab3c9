using System.Globalization;
using System.Text.Json;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>
/// A chat of the Node.js platform as one here. There a chat is a list by time, in which an answer names its question; here it is a tree.
/// What was read from top to bottom there is one branch here, and the versions of an answer are siblings.
/// </summary>
internal static class ChatMapping
{
    /// <summary>What the platform calls a chat that nobody named.</summary>
    private const string Unnamed = "New Chat";

    private const int MaxTitle = 200;

    /// <summary>An answer that is still being written there is left for the next import; an older one ended with a crash.</summary>
    private static readonly TimeSpan StillWritten = TimeSpan.FromMinutes(30);

    public static string KeyOf(long id, long? created) => string.Create(CultureInfo.InvariantCulture, $"{id}:{created ?? 0}");

    /// <param name="messages">In the order in which they are shown there.</param>
    /// <param name="connectionId">The connection here.</param>
    /// <param name="left">How many messages cannot stand here, by reason.</param>
    public static ChatForm Map(
        SourceChat chat, IReadOnlyList<SourceMessage> messages, long? connectionId, DateTimeOffset now, IDictionary<string, int> left)
    {
        var forms = new List<MessageForm>();
        var asked = new Dictionary<long, string>();
        string? system = chat.Prompt;
        string? leaf = null;
        string? question = null;
        foreach (var message in messages)
        {
            var role = message.Role?.Trim().ToLowerInvariant();
            var key = KeyOf(message.Id, message.Created);
            if (role == "system" && forms.Count == 0)
            {
                system ??= message.Content;
                continue;
            }

            if (role is not ("user" or "assistant"))
            {
                Count(left, $"its role is {role ?? "missing"}");
                continue;
            }

            var status = StatusOf(message.Status);
            var touched = DateTimeOffset.FromUnixTimeMilliseconds(message.Updated ?? message.Created ?? 0);
            if (status == "streaming" && now - touched < StillWritten)
            {
                Count(left, "it is being written there: import again later");
                continue;
            }

            if (message.IsLong)
            {
                Count(left, "a text is longer than 2 MiB: its beginning was taken");
            }

            var parent = role == "assistant" && message.ParentId is { } id && asked.TryGetValue(id, out var named) ? named : leaf;
            forms.Add(Message(message, key, parent, role, status == "streaming" ? "interrupted" : status, chat));
            if (role == "user")
            {
                asked[message.Id] = key;
                question = key;
                leaf = key;
            }
            else if (parent == question || parent == leaf)
            {
                leaf = key; // a later version of an earlier answer leaves the branch where it is
            }
        }

        var title = Title(chat.Title);
        return new ChatForm
        {
            Key = KeyOf(chat.Id, chat.Created),
            Title = title,
            TitleSource = title.Length == 0 || title == Unnamed ? "default" : "user",
            CreatedAt = chat.Created,
            UpdatedAt = messages.Max(message => message.Created) ?? chat.Created,
            Pinned = chat.Pinned is not null,
            SystemPrompt = string.IsNullOrWhiteSpace(system) ? null : system,
            Model = string.IsNullOrWhiteSpace(chat.Model) ? null : chat.Model,
            ConnectionId = connectionId,
            Reasoning = Reasoning(chat),
            LeafKey = leaf,
            Messages = [.. forms],
        };
    }

    private static MessageForm Message(SourceMessage source, string key, string? parent, string role, string status, SourceChat chat)
    {
        var answer = role == "assistant";
        return new MessageForm
        {
            Key = key,
            ParentKey = parent,
            Role = role,
            Content = source.Content ?? "",
            Reasoning = answer ? NotEmpty(source.Reasoning) ?? NotEmpty(source.StreamReasoning) : null,
            ReasoningMs = answer && source.ReasoningSeconds is >= 0 and < 1_000_000 ? source.ReasoningSeconds * 1_000 : null,
            ToolCalls = answer ? Tools(source.Tools) : null,
            Model = answer ? NotEmpty(source.Model) ?? NotEmpty(chat.Model) : null,
            Status = answer ? status : "done",
            Error = answer && status == "failed" ? NotEmpty(source.Error) ?? "It failed." : null,
            PromptTokens = answer ? Tokens(source.Prompt) : null,
            CompletionTokens = answer ? Tokens(source.Completion) : null,
            CreatedAt = source.Created,
        };
    }

    private static string StatusOf(string? status) => status?.Trim().ToLowerInvariant() switch
    {
        "pending" or "streaming" => "streaming",
        "error" or "failed" => "failed",
        "cancelled" or "canceled" or "stopped" => "stopped",
        _ => "done",
    };

    private static string Title(string? title)
    {
        var plain = string.Concat((title ?? "").Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return plain.Length <= MaxTitle ? plain
            : plain[..(char.IsHighSurrogate(plain[MaxTitle - 1]) ? MaxTitle - 1 : MaxTitle)];
    }

    private static string? Reasoning(SourceChat chat)
    {
        var effort = chat.Effort?.Trim().ToLowerInvariant() is "low" or "medium" or "high" ? chat.Effort.Trim().ToLowerInvariant() : null;
        var enabled = chat.Reasoning ?? (chat.Think == true ? true : null);
        return effort is null && enabled is null
            ? null
            : JsonSerializer.Serialize(new ReasoningRequest(enabled, effort), RunsJson.Wire.ReasoningRequest);
    }

    /// <summary>The log of searches: one entry for each call, in the form in which answers keep their calls here.</summary>
    private static string? Tools(string? json)
    {
        using var document = ConnectionMapping.Parse(json);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Array } log)
        {
            return null;
        }

        var events = new List<StoredToolEvent>();
        foreach (var entry in log.EnumerateArray().Where(entry => entry.ValueKind == JsonValueKind.Object))
        {
            var name = Text(entry, "tool") ?? "web_search";
            var error = Text(entry, "error");
            var arguments = Text(entry, "query") is { } query
                ? $"{{\"query\":{JsonSerializer.Serialize(query, Settings.SettingsJson.Default.String)}}}" : null;
            events.Add(new StoredToolEvent(0, new ToolCallResponse(
                Text(entry, "id") ?? $"call_{events.Count}", name, error is null ? "succeeded" : "failed", arguments, Hits(entry), error)));
        }

        return events.Count == 0 ? null : JsonSerializer.Serialize(events, RunsJson.Wire.IReadOnlyListStoredToolEvent);
    }

    private static string? Hits(JsonElement entry)
    {
        if (!entry.TryGetProperty("hits", out var hits) || hits.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        IReadOnlyList<SearchResult> results =
        [
            .. hits.EnumerateArray().Where(hit => hit.ValueKind == JsonValueKind.Object).Select((hit, at) => new SearchResult(
                at + 1, Text(hit, "title") ?? "", Text(hit, "url") ?? "", Text(hit, "snippet") ?? Text(hit, "content") ?? "")),
        ];
        return JsonSerializer.Serialize(results, CallsJson.Wire.IReadOnlyListSearchResult);
    }

    private static string? Text(JsonElement entry, string name) =>
        entry.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static long? Tokens(long? tokens) => tokens is >= 0 and < 1_000_000_000 ? tokens : null;

    private static void Count(IDictionary<string, int> left, string why) =>
        left[why] = left.TryGetValue(why, out var count) ? count + 1 : 1;
}
