using System.Data.Common;
using AiChat.Data.Images;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.NodePlatform;

/// <summary>Writes what belongs to imported accounts and chats of the Node.js platform: images, usage, which row became which.</summary>
internal sealed class NodePlatformStore(Db db)
{
    /// <summary>
    /// The name under which the chats of that platform are kept. Databases hold this word: another would import all of it twice.
    /// </summary>
    public const string Source = "reference";

    private const string Image = "image";

    /// <summary>The row that one of the source became; a present row without an id counts as gone.</summary>
    public Task<ImportedRow?> Find(string kind, string key) => db.Read(connection => ImportedRows.Find(connection, kind, key));

    public Task Add(string kind, string key, long? id) => db.Write(connection =>
    {
        ImportedRows.Add(connection, kind, key, id);
    });

    /// <summary>Those of these images that were not taken before.</summary>
    /// <param name="keys">A JSON list.</param>
    public Task<List<string>> MissingImages(string keys) => db.Read(connection => connection.Query<string>("""
        select value from json_each(@keys)
        where not exists (select 1 from imported_rows where kind = @Image and source_key = value)
        """, new { keys, Image }).ToList());

    /// <summary>How many of these chats of a user, and of their messages, are here already.</summary>
    /// <param name="keys">A JSON list.</param>
    public Task<List<KnownNodePlatformChat>> Known(long userId, string keys) => db.Read(connection =>
        connection.Query<KnownNodePlatformChat>("""
            select c.source_key, (select count(*) from imported_messages m where m.chat_id = c.id) as messages
            from json_each(@keys) wanted
            join imported_chats c on c.user_id = @userId and c.source = @Source and c.source_key = wanted.value
            """, new { keys, userId, Source }).ToList());

    /// <summary>Adds an image that is on disk to its message. Its days begin now, so that it is not deleted for its age at once.</summary>
    public Task<ImagePlace> Attach(NodePlatformImage image, StoredImage stored, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, image.UserId);
            if (MessageOf(connection, image.UserId, image.ChatKey, image.MessageKey) is not { } messageId)
            {
                return ImagePlace.NoMessage;
            }

            if (!ImportedRows.Add(connection, Image, image.Key, null))
            {
                return ImagePlace.Present;
            }

            connection.Execute("""
                insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
                values (@Id, @UserId, @messageId, @Position, @Mime, @Width, @Height, @Bytes, @File, @at)
                """, new
            {
                stored.Id,
                image.UserId,
                messageId,
                image.Position,
                stored.Mime,
                stored.Width,
                stored.Height,
                stored.Bytes,
                stored.File,
                at,
            });
            return ImagePlace.Added;
        });
    }

    /// <summary>The chat and the message that these became; null for what is not here.</summary>
    public Task<(long? SessionId, long? MessageId)> Place(long userId, string chatKey, string? messageKey) => db.Read(connection => (
        SessionOf(connection, userId, chatKey), messageKey is null ? null : MessageOf(connection, userId, chatKey, messageKey)));

    /// <summary>Adds usage to the ledger and to the counters that are its sum.</summary>
    /// <returns>How many entries are new.</returns>
    public Task<int> AddUsage(IReadOnlyList<NodePlatformUsage> entries) => db.Write(connection =>
    {
        var added = 0;
        foreach (var entry in entries.Where(entry => ImportedRows.Add(connection, "usage", entry.Key, null)))
        {
            added++;
            var sessionId = SessionOf(connection, entry.UserId, entry.ChatKey);
            var messageId = entry.MessageKey is { } key ? MessageOf(connection, entry.UserId, entry.ChatKey, key) : null;
            var values = new
            {
                entry.UserId,
                sessionId,
                messageId,
                entry.Model,
                entry.Provider,
                entry.PromptTokens,
                entry.CompletionTokens,
                entry.CreatedAt,
                day = UtcDay.From(DateTimeOffset.FromUnixTimeMilliseconds(entry.CreatedAt)),
                tokens = entry.PromptTokens + entry.CompletionTokens,
            };
            connection.Execute("""
                insert into usage_entries (user_id, session_id, message_id, model, provider, status, prompt_tokens, completion_tokens,
                    reasoning_tokens, cached_tokens, source, created_at)
                values (@UserId, @sessionId, @messageId, @Model, @Provider, 'done', @PromptTokens, @CompletionTokens, 0, 0, 'estimate',
                    @CreatedAt)
                """, values);
            connection.Execute("""
                insert into daily_usage (user_id, day, messages, tokens) values (@UserId, @day, 1, @tokens)
                on conflict (user_id, day) do update set messages = daily_usage.messages + 1, tokens = daily_usage.tokens + excluded.tokens
                """, values);
        }

        return added;
    });

    private static long? SessionOf(DbConnection connection, long userId, string chatKey) => connection.QuerySingleOrDefault<long?>("""
        select s.id
        from imported_chats c
        join sessions s on s.id = c.session_id and s.user_id = c.user_id
        where c.user_id = @userId and c.source = @Source and c.source_key = @chatKey
        """, new { userId, chatKey, Source });

    private static long? MessageOf(DbConnection connection, long userId, string chatKey, string messageKey) =>
        connection.QuerySingleOrDefault<long?>("""
            select m.id
            from imported_chats c
            join sessions s on s.id = c.session_id and s.user_id = c.user_id
            join imported_messages i on i.chat_id = c.id and i.source_key = @messageKey
            join messages m on m.id = i.message_id and m.session_id = s.id
            where c.user_id = @userId and c.source = @Source and c.source_key = @chatKey
            """, new { userId, chatKey, messageKey, Source });
}

internal sealed class KnownNodePlatformChat
{
    public string SourceKey { get; init; } = "";

    public long Messages { get; init; }
}

/// <summary>Where an image belongs.</summary>
internal sealed record NodePlatformImage(long UserId, string ChatKey, string MessageKey, int Position, string Key);
