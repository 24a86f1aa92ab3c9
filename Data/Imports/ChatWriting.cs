using System.Data.Common;
using System.Diagnostics;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Postgres;
using Dapper;

namespace AiChat.Data.Imports;

/// <summary>The writes of one chat, each short. Not thread-safe.</summary>
/// <param name="order">All messages of the chat, each after its parent.</param>
/// <param name="known">What is here of it before the first step.</param>
internal sealed class ChatWriting(long userId, ImportedChat chat, List<PlacedMessage> order, KnownChat known, DateTimeOffset now)
{
    /// <summary>The maximum time of one step on the writer, apart from its last message.</summary>
    private static readonly TimeSpan MaxStep = TimeSpan.FromMilliseconds(10);

    private readonly long _now = now.ToUnixTimeMilliseconds();
    private readonly PlacedMessage? _leaf = ImportTree.Leaf(order, chat.LeafKey);

    public long? SessionId { get; private set; } = known.SessionId;

    /// <summary>
    /// Writes as many of the messages from <paramref name="from"/> on as fit into a short write, with the images that are on disk for them,
    /// and the chat itself before the first one.
    /// </summary>
    /// <param name="share">Bytes that all images of the owner may take.</param>
    public WrittenStep Step(
        DbConnection connection, List<PlacedMessage> messages, int from, Dictionary<ImportedImage, StoredImage> pictures, long share)
    {
        RowLock.User(connection, userId);

        // A write that fails is undone and nothing of it may be remembered.
        var (chatId, sessionId) = (known.ChatId, SessionId);
        if (sessionId is null)
        {
            (chatId, sessionId) = Begin(connection);
        }
        else if (Sessions.Find(connection, userId, sessionId.Value) is null)
        {
            return new WrittenStep([], 0, known, ChatIsGone: true);
        }

        var ids = new Dictionary<string, long?>();
        var images = new List<ImportedImage>();
        var begun = Stopwatch.GetTimestamp();
        var count = 0;
        long newest = 0;
        do
        {
            var placed = messages[from + count++];
            var at = Time(placed);
            var id = Insert(connection, sessionId!.Value, placed.Message, Alive(placed.Parent, ids), at);
            connection.Execute("""
                insert into imported_messages (chat_id, source_key, message_id) values (@chatId, @Key, @id)
                """, new { chatId, placed.Message.Key, id });
            ids[placed.Message.Key] = id;
            newest = Math.Max(newest, at);
            images.AddRange(placed.Message.Images.Where((image, position) =>
                pictures.TryGetValue(image, out var stored) && Attach(connection, stored, id, position, share)));
        }
        while (from + count < messages.Count && Stopwatch.GetElapsedTime(begun) < MaxStep);

        var leaf = Alive(_leaf, ids);
        Touch(connection, chatId!.Value, sessionId.Value, leaf, count, newest);
        return new WrittenStep(images, count, known with { ChatId = chatId, SessionId = sessionId, LeafId = leaf }, Ids: ids);
    }

    /// <summary>Takes over what a step wrote, after its commit.</summary>
    public void Accept(WrittenStep step)
    {
        foreach (var (key, id) in step.Ids ?? [])
        {
            known.Messages[key] = id;
        }

        known = step.Known;
        SessionId = known.SessionId;
    }

    private (long? ChatId, long? SessionId) Begin(DbConnection connection)
    {
        var created = Clamp(chat.CreatedAt) ?? order.Select(placed => Clamp(placed.Message.CreatedAt)).Min()
            ?? Clamp(chat.UpdatedAt) ?? _now;
        var updated = Math.Max(created, Clamp(chat.UpdatedAt) ?? created);
        var sessionId = connection.ExecuteScalar<long>("""
            insert into sessions (user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning, pinned,
                archived, created_at, updated_at)
            values (@userId, @Title, @TitleSource, @ConnectionId, @Model, @SystemPrompt, @Parameters, @Reasoning, @Pinned, @Archived,
                @created, @updated)
            returning id
            """, new
        {
            userId,
            chat.Title,
            chat.TitleSource,
            chat.ConnectionId,
            chat.Model,
            chat.SystemPrompt,
            chat.Parameters,
            chat.Reasoning,
            chat.Pinned,
            chat.Archived,
            created,
            updated,
        });
        connection.Execute("""
            delete from imported_chats where user_id = @userId and source = @Source and source_key = @Key
            """, new { userId, chat.Source, chat.Key }); // of a chat that was deleted here
        var chatId = connection.ExecuteScalar<long>("""
            insert into imported_chats (user_id, source, source_key, session_id, imported_at)
            values (@userId, @Source, @Key, @sessionId, @_now)
            returning id
            """, new { userId, chat.Source, chat.Key, sessionId, _now });
        return (chatId, sessionId);
    }

    private static long Insert(DbConnection connection, long sessionId, ImportedMessage message, long? parentId, long at) =>
        connection.ExecuteScalar<long>("""
            insert into messages (session_id, parent_id, role, content, reasoning, reasoning_ms, tool_calls, connection_id, model, provider,
                status, error_code, error_detail, finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens,
                cost_nanos, usage_source, first_token_ms, total_ms, created_at)
            values (@sessionId, @parentId, @Role, @Content, @Reasoning, @ReasoningMs, @ToolCalls, @ConnectionId, @Model, @Provider,
                @Status, @ErrorCode, @ErrorDetail, @FinishReason, @PromptTokens, @CompletionTokens, @ReasoningTokens, @CachedTokens,
                @CostNanos, @UsageSource, @FirstTokenMs, @TotalMs, @at)
            returning id
            """, new
        {
            sessionId,
            parentId,
            message.Role,
            Content = message.Content.Read(),
            Reasoning = message.Reasoning?.Read(),
            message.ReasoningMs,
            ToolCalls = message.ToolCalls?.Read(),
            message.ConnectionId,
            message.Model,
            message.Provider,
            message.Status,
            message.ErrorCode,
            message.ErrorDetail,
            message.FinishReason,
            message.PromptTokens,
            message.CompletionTokens,
            message.ReasoningTokens,
            message.CachedTokens,
            message.CostNanos,
            message.UsageSource,
            message.FirstTokenMs,
            message.TotalMs,
            at,
        });

    /// <summary>The image's time is that of the import, so that the days for which images are kept begin now.</summary>
    private bool Attach(DbConnection connection, StoredImage image, long messageId, int position, long share) => connection.Execute("""
        insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
        select @Id, @userId, @messageId, @position, @Mime, @Width, @Height, @Bytes, @File, @_now
        where (select coalesce(sum(case when bytes > @Block then bytes else @Block end), 0) from images where user_id = @userId)
            + case when @Bytes > @Block then @Bytes else @Block end <= @share
        """, new
    {
        image.Id,
        userId,
        messageId,
        position,
        image.Mime,
        image.Width,
        image.Height,
        image.Bytes,
        image.File,
        _now,
        ImageStore.Block,
        share,
    }) == 1;

    /// <summary>The branch moves on only while it is the one that the import set: what a person chose here since stays.</summary>
    private void Touch(DbConnection connection, long chatId, long sessionId, long? leaf, int added, long newest)
    {
        connection.Execute("""
            update sessions set message_count = message_count + @added,
                updated_at = case when updated_at > @newest then updated_at else @newest end,
                leaf_id = case when leaf_id is not distinct from @before then @leaf else leaf_id end
            where id = @sessionId
            """, new { added, newest, before = known.LeafId, leaf, sessionId });
        connection.Execute("update imported_chats set leaf_id = @leaf where id = @chatId", new { leaf, chatId });
    }

    /// <summary>The id of the message or, when that is not here, of the nearest one above it.</summary>
    private long? Alive(PlacedMessage? placed, Dictionary<string, long?> written)
    {
        for (; placed is not null; placed = placed.Parent)
        {
            var key = placed.Message.Key;
            if ((written.GetValueOrDefault(key) ?? known.Messages.GetValueOrDefault(key)) is { } id)
            {
                return id;
            }
        }

        return null;
    }

    private long Time(PlacedMessage? placed)
    {
        for (; placed is not null; placed = placed.Parent)
        {
            if (Clamp(placed.Message.CreatedAt) is { } at)
            {
                return at;
            }
        }

        return Clamp(chat.CreatedAt) ?? Clamp(chat.UpdatedAt) ?? _now;
    }

    /// <summary>A time in the future would keep the chat above all others.</summary>
    private long? Clamp(long? time) => time is > 0 ? Math.Min(time.Value, _now) : null;
}

/// <param name="Images">Those that have rows now.</param>
/// <param name="Messages">How many messages were written.</param>
/// <param name="Ids">The ids of the messages that were written.</param>
internal sealed record WrittenStep(
    List<ImportedImage> Images, int Messages, KnownChat Known, Dictionary<string, long?>? Ids = null, bool ChatIsGone = false);
