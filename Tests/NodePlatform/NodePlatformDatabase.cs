using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.NodePlatform;

/// <summary>
/// Writes a database as the Node.js platform writes it, with its folder of images: the shape of "prisma db push", or that of "prisma
/// migrate deploy", where users have no picture and times are texts.
/// </summary>
internal sealed class NodePlatformDatabase : IDisposable
{
    public const long Start = 1_748_736_000_000;

    /// <summary>What <see cref="Key"/> and <see cref="OwnKey"/> hold; they were sealed by openssl enc -md md5.</summary>
    public const string PlainKey = "sk-live-abcdef123456";
    public const string Key = "U2FsdGVkX19YSBtejAyYEyVgm68FqQYcr7KaNjIKZOMf1vptjoVjMyR5wuq/6GIa";
    public const string OwnKey = "U2FsdGVkX1/TMYBZuhYMr7w5mweq+/+k1aoCePZX0InNkBDSkFgdUkNpZ0TgMZkz";
    public const string OwnPassphrase = "my own key";

    // By crypt(3), cost 5.
    public const string Password = "old-Pass1";
    public const string Hash = "$2a$05$abcdefghijklmnopqrstuuuklQZfNbGicY0b5OoS2WPs.BcezzGdS";
    public const string LongHash = "$2b$05$abcdefghijklmnopqrstuue6kmR/kuzJDcNuveaZhF/YiBFKbzcyi";
    public const string ChinesePassword = "密码Passw0rd";
    public const string ChineseHash = "$2y$05$abcdefghijklmnopqrstuuwOuw/ACH/T/47MzEgBpzp6n.agO5Dp.";

    /// <summary>100 bytes, of which bcrypt reads 72.</summary>
    public static readonly string LongPassword = string.Concat(Enumerable.Repeat("x1", 50));

    private readonly bool _migrated;
    private readonly SqliteConnection _connection;
    private long _time = Start;

    public NodePlatformDatabase(string folder, bool migrated = false, bool pictures = true)
    {
        _migrated = migrated;
        Path = System.IO.Path.Combine(folder, "data", "app.db");
        Images = System.IO.Path.Combine(folder, "storage", "chat-images");
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        Directory.CreateDirectory(Images);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path, Pooling = false }.ToString());
        _connection.Open();
        if (new FileInfo(Path).Length == 0)
        {
            Execute(Schema(pictures && !migrated));
        }
    }

    public string Path { get; }

    public string Images { get; }

    public long Messages { get; private set; }

    /// <summary>A time as this shape keeps it.</summary>
    public object Time(long at) => !_migrated ? at : DateTimeOffset.FromUnixTimeMilliseconds(at).ToString(
        at % 2_000 == 0 ? "yyyy-MM-dd HH:mm:ss" : "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    public long User(string name, string hash, string role = "USER", string status = "ACTIVE", string? reason = null) => Insert(
        "users", ("username", name), ("hashedPassword", hash), ("role", role), ("status", status), ("createdAt", Tick()),
        ("rejectionReason", reason));

    public long Connection(string provider, string baseUrl, string sealedKey, string? prefix = null) => Insert(
        "connections", ("provider", provider), ("baseUrl", baseUrl), ("apiKey", sealedKey), ("prefixId", prefix),
        ("authType", sealedKey.Length == 0 ? "none" : "bearer"), ("createdAt", Tick()), ("updatedAt", Tick()));

    public void Setting(string key, string value) => Insert("system_settings", ("key", key), ("value", value));

    public long Chat(long? user, string title, string? guest = null, long? connection = null, string? model = null) => Insert(
        "chat_sessions", ("userId", user), ("anonymousKey", guest), ("title", title), ("connectionId", connection), ("modelRawId", model),
        ("createdAt", Tick()));

    public long Ask(long chat, string text) => Message(chat, "user", text);

    public long Answer(long chat, long question, string text, string status = "done", int version = 1, string? reasoning = null) =>
        Message(chat, "assistant", text, ("parentMessageId", question), ("variantIndex", version), ("streamStatus", status),
            ("reasoning", reasoning), ("streamError", status == "error" ? "The provider failed." : null));

    public long Message(long chat, string role, string text, params (string Column, object? Value)[] more)
    {
        Messages++;
        (string, object?)[] values =
            [("sessionId", chat), ("role", role), ("content", text), ("createdAt", Tick()), ("updatedAt", Time(_time)), .. more];
        return Insert("messages", [.. values.GroupBy(value => value.Item1).Select(group => group.Last())]);
    }

    public string Image(long message, byte[] bytes)
    {
        var name = $"2025/06/01/1-{message}-{Guid.NewGuid():N}.png";
        Put(name, bytes);
        Insert("message_attachments", ("messageId", message), ("relativePath", name), ("createdAt", Tick()));
        return name;
    }

    public void Avatar(long user, byte[] bytes)
    {
        Put("profiles/2025/06/01/picture.png", bytes);
        Execute($"update users set avatar_path = 'profiles/2025/06/01/picture.png' where id = {user}");
    }

    public void Usage(long chat, long message, long prompt, long completion) => Insert(
        "usage_metrics", ("sessionId", chat), ("messageId", message), ("model", "gpt-4o"), ("provider", "127.0.0.1"),
        ("promptTokens", prompt), ("completionTokens", completion), ("totalTokens", prompt + completion), ("createdAt", Time(_time)));

    public void Quota(long user, long limit) => Insert(
        "usage_quota", ("identifier", $"user:{user}"), ("scope", "USER"), ("dailyLimit", limit), ("userId", user), ("lastResetAt", Tick()));

    /// <summary>A task trace, whose events are in a file of this name or nowhere.</summary>
    public long Trace(long user, long? chat, long events, DateTimeOffset at, string? log = null) => Insert(
        "task_traces", ("sessionId", chat), ("actor", $"user:{user}"), ("status", "completed"),
        ("startedAt", Time(at.ToUnixTimeMilliseconds())), ("endedAt", Time(at.ToUnixTimeMilliseconds())), ("eventCount", events),
        ("logFilePath", log), ("metadata", """{"provider":"openai","model":"gpt-4o"}"""));

    public long Insert(string table, params (string Column, object? Value)[] values)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = $"insert into \"{table}\" ({string.Join(", ", values.Select(value => $"\"{value.Column}\""))})"
            + $" values ({string.Join(", ", values.Select((_, index) => $"@p{index}"))}); select last_insert_rowid();";
        foreach (var (index, (_, value)) in values.Index())
        {
            command.Parameters.AddWithValue($"@p{index}", value ?? DBNull.Value);
        }

        return (long)command.ExecuteScalar()!;
    }

    public void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Dispose() => _connection.Dispose();

    private object Tick() => Time(_time += 1_001);

    private void Put(string name, byte[] bytes)
    {
        var path = System.IO.Path.Combine(Images, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
    }

    private static string Schema(bool pictures) => $"""
        pragma synchronous = off;
        create table "users" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "username" TEXT NOT NULL, "hashedPassword" TEXT NOT NULL,
            "role" TEXT NOT NULL DEFAULT 'USER', "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "status" TEXT NOT NULL DEFAULT 'ACTIVE', "approvedAt" DATETIME, "approvedById" INTEGER, "rejectedAt" DATETIME,
            "rejectedById" INTEGER, "rejectionReason" TEXT, "preferredModelId" TEXT, "preferredConnectionId" INTEGER,
            "preferredModelRawId" TEXT{(pictures ? ", \"avatar_path\" TEXT" : "")});
        create unique index "users_username_key" on "users" ("username");
        create table "chat_sessions" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "userId" INTEGER, "anonymousKey" TEXT,
            "expiresAt" DATETIME, "connectionId" INTEGER, "modelRawId" TEXT, "title" TEXT,
            "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "reasoningEnabled" BOOLEAN, "reasoningEffort" TEXT,
            "ollamaThink" BOOLEAN);
        create table "messages" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "sessionId" INTEGER NOT NULL, "parentMessageId" INTEGER,
            "variantIndex" INTEGER DEFAULT 1, "role" TEXT NOT NULL, "content" TEXT NOT NULL, "clientMessageId" TEXT, "reasoning" TEXT,
            "reasoningDurationSeconds" INTEGER, "toolLogsJson" TEXT, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "updatedAt" DATETIME NOT NULL, "streamStatus" TEXT NOT NULL DEFAULT 'done', "streamCursor" INTEGER NOT NULL DEFAULT 0,
            "streamReasoning" TEXT, "streamError" TEXT);
        create unique index "messages_client" on "messages" ("sessionId", "clientMessageId");
        create table "message_attachments" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "messageId" INTEGER NOT NULL,
            "relativePath" TEXT NOT NULL, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
        create table "usage_metrics" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "sessionId" INTEGER NOT NULL, "messageId" INTEGER,
            "model" TEXT NOT NULL, "provider" TEXT, "promptTokens" INTEGER NOT NULL DEFAULT 0,
            "completionTokens" INTEGER NOT NULL DEFAULT 0, "totalTokens" INTEGER NOT NULL DEFAULT 0, "contextLimit" INTEGER,
            "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
        create table "system_settings" ("key" TEXT NOT NULL PRIMARY KEY, "value" TEXT NOT NULL);
        create table "usage_quota" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "identifier" TEXT NOT NULL, "scope" TEXT NOT NULL,
            "dailyLimit" INTEGER, "usedCount" INTEGER NOT NULL DEFAULT 0, "lastResetAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "userId" INTEGER);
        create table "connections" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "ownerUserId" INTEGER, "provider" TEXT NOT NULL,
            "baseUrl" TEXT NOT NULL, "enable" BOOLEAN NOT NULL DEFAULT true, "authType" TEXT NOT NULL DEFAULT 'bearer',
            "apiKey" TEXT NOT NULL DEFAULT '', "headersJson" TEXT NOT NULL DEFAULT '', "azureApiVersion" TEXT, "prefixId" TEXT,
            "tagsJson" TEXT NOT NULL DEFAULT '[]', "modelIdsJson" TEXT NOT NULL DEFAULT '[]',
            "defaultCapabilitiesJson" TEXT NOT NULL DEFAULT '{"{}"}', "connectionType" TEXT NOT NULL DEFAULT 'external',
            "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL);
        create table "task_traces" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "sessionId" INTEGER, "messageId" INTEGER,
            "clientMessageId" TEXT, "actor" TEXT NOT NULL, "status" TEXT NOT NULL DEFAULT 'running',
            "traceLevel" TEXT NOT NULL DEFAULT 'standard', "metadata" TEXT, "startedAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "endedAt" DATETIME, "durationMs" INTEGER, "eventCount" INTEGER NOT NULL DEFAULT 0, "logFilePath" TEXT);
        create table "task_trace_events" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "traceId" INTEGER NOT NULL,
            "seq" INTEGER NOT NULL, "eventType" TEXT NOT NULL, "payload" TEXT NOT NULL, "timestamp" DATETIME NOT NULL);
        """;
}
