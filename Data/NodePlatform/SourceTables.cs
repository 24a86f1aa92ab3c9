using AiChat.Data.Sqlite;
using static AiChat.Data.NodePlatform.SourceValues;

namespace AiChat.Data.NodePlatform;

/// <summary>
/// The tables of the Node.js platform that are taken, under the names of ours. A column that a version does not have is null. The names
/// in camel case are those of its schema, those in snake case of its migrations and of later versions.
/// </summary>
internal static class SourceTables
{
    /// <summary>By this table a database is known as one of that platform.</summary>
    public const string Sign = "chat_sessions";

    public static readonly IReadOnlyList<ForeignTable> All =
    [
        new(
            "users", "users", Column("id", Number), Column("username", Text), Column("hash", Text, "hashedPassword", "password"),
            Column("role", Text), Column("status", Text), Column("created", Time, "createdAt"), Column("approved", Time, "approvedAt"),
            Column("reason", Text, "rejectionReason"), Column("model", Text, "preferredModelId"),
            Column("avatar", Text, "avatar_path", "avatarPath"))
        {
            Ignored = ["approvedById", "preferredConnectionId", "preferredModelRawId", "rejectedAt", "rejectedById"],
        },
        new(
            "chat_sessions", "chats", Column("id", Number), Column("user_id", Number, "userId"), Column("guest", Text, "anonymousKey"),
            Column("connection_id", Number, "connectionId"), Column("model", Text, "modelRawId"), Column("title", Text),
            Column("created", Time, "createdAt"), Column("reasoning", Flag, "reasoningEnabled"), Column("effort", Text, "reasoningEffort"),
            Column("think", Flag, "ollamaThink"), Column("prompt", Text, "systemPrompt", "system_prompt"),
            Column("pinned", Time, "pinnedAt", "pinned_at"))
        {
            Ignored = ["expiresAt"],
            Index = "create index chats_by_owner on chats (user_id, id); create index chats_by_id on chats (id);",
        },
        new(
            "messages", "messages", Column("id", Number), Column("session_id", Number, "sessionId"),
            Column("parent_id", Number, "parentMessageId"), Column("role", Text), Column("content", Text), Column("reasoning", Text),
            Column("reasoning_seconds", Number, "reasoningDurationSeconds"), Column("tools", Text, "toolLogsJson"),
            Column("created", Time, "createdAt"), Column("updated", Time, "updatedAt"), Column("status", Text, "streamStatus"),
            Column("stream_reasoning", Text, "streamReasoning"), Column("error", Text, "streamError"))
        {
            Ignored = ["variantIndex", "clientMessageId", "streamCursor"],
            Index = "create index messages_by_chat on messages (session_id, id);",
        },
        new(
            "message_attachments", "attachments", Column("id", Number), Column("message_id", Number, "messageId"),
            Column("path", Text, "relativePath", "relative_path"), Column("created", Time, "createdAt"))
        {
            Index = "create index attachments_by_message on attachments (message_id, id);",
        },
        new(
            "usage_metrics", "usage", Column("id", Number), Column("session_id", Number, "sessionId"),
            Column("message_id", Number, "messageId"), Column("model", Text), Column("provider", Text),
            Column("prompt", Number, "promptTokens"), Column("completion", Number, "completionTokens"),
            Column("created", Time, "createdAt"))
        {
            Ignored = ["contextLimit", "totalTokens"],
            Index = "create index usage_by_message on usage (message_id); create index usage_by_id on usage (id);",
        },
        new("system_settings", "settings", Column("key", Text), Column("value", Text)),
        new(
            "usage_quota", "quotas", Column("scope", Text), Column("identifier", Text), Column("user_id", Number, "userId"),
            Column("daily_limit", Number, "dailyLimit", "customDailyLimit"))
        {
            Ignored = ["id", "createdAt", "lastResetAt", "updatedAt", "usedCount"],
        },
        new(
            "connections", "connections", Column("id", Number), Column("provider", Text), Column("base_url", Text, "baseUrl"),
            Column("enabled", Flag, "enable"), Column("auth_type", Text, "authType"), Column("api_key", Text, "apiKey"),
            Column("headers", Text, "headersJson"), Column("azure_version", Text, "azureApiVersion"), Column("prefix", Text, "prefixId"),
            Column("tags", Text, "tagsJson"), Column("model_ids", Text, "modelIdsJson"),
            Column("capabilities", Text, "defaultCapabilitiesJson"), Column("created", Time, "createdAt"))
        {
            Ignored = ["connectionType", "ownerUserId", "updatedAt"],
        },
        new(
            "model_catalog", "models", Column("id", Number), Column("connection_id", Number, "connectionId"),
            Column("model", Text, "rawId"), Column("tags", Text, "tagsJson"), Column("meta", Text, "metaJson"),
            Column("capabilities", Text, "capabilitiesJson"), Column("manual", Flag, "manualOverride"))
        {
            Ignored = ["modelId", "name", "provider", "connectionType", "lastFetchedAt", "expiresAt"],
        },
        new(
            "task_traces", "traces", Column("id", Number), Column("session_id", Number, "sessionId"),
            Column("message_id", Number, "messageId"), Column("client_id", Text, "clientMessageId"), Column("actor", Text),
            Column("status", Text), Column("metadata", Text), Column("started", Time, "startedAt"), Column("ended", Time, "endedAt"),
            Column("events", Number, "eventCount"), Column("log", Text, "logFilePath"))
        {
            Ignored = ["traceLevel", "durationMs"],
        },
        new(
            "task_trace_events", "trace_events", Column("trace_id", Number, "traceId"), Column("seq", Number),
            Column("type", Text, "eventType"), Column("at", Time, "timestamp"), Column("payload", Text))
        {
            Ignored = ["id"],
            Index = "create index trace_events_by_trace on trace_events (trace_id, seq);",
        },
    ];

    /// <summary>Tables of which nothing is needed: Prisma's own, counts of formulas.</summary>
    public static readonly IReadOnlyList<string> Ignored = ["_prisma_migrations", "latex_traces"];

    private static ForeignColumn Column(string name, Func<object?, object?> read, params string[] sources) =>
        new(name, read, sources.Length == 0 ? [name] : sources);
}
