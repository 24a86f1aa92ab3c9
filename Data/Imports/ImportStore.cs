using AiChat.Data.Images;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Imports;

/// <summary>
/// Writes chats that come from elsewhere. The same chat again adds nothing, a chat that has grown since gets its new messages only, and one
/// that its owner deleted here stays deleted. A long chat takes many short writes, so that nobody else waits; after a crash in between, the
/// same call again completes it. Calls for one owner come one after another.
/// </summary>
internal sealed class ImportStore(Db db, ImageStore images, ImageFiles files)
{
    public const long MaxImageBytes = 10 * 1024 * 1024;

    /// <summary>Messages whose images are put on disk before their rows are written.</summary>
    private const int MaxPrepared = 32;

    /// <summary>Writes a chat for an owner. Images that cannot be taken are left out and named in the result.</summary>
    /// <exception cref="StoreException">The disk is full or the store cannot be used; what was written before stays.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public async Task<ImportResult> Write(long userId, ImportedChat chat, ImportOptions options, DateTimeOffset now,
        CancellationToken cancel)
    {
        var order = ImportTree.Place(chat.Messages, out var repaired);
        if (order.Count == 0)
        {
            return new ImportResult(ImportOutcome.Empty);
        }

        var known = await Known(userId, chat.Source, chat.Key, options.RestoreDeleted);
        if (known.DeletedHere)
        {
            return new ImportResult(ImportOutcome.DeletedHere);
        }

        var writing = new ChatWriting(userId, chat, order, known, now);
        var result = new ImportResult(known.Messages.Count == 0 ? ImportOutcome.Added : ImportOutcome.Grown, Repaired: repaired,
            LeftOut: []);
        var missing = order.Where(placed => !known.Messages.ContainsKey(placed.Message.Key)).ToList();
        if (missing.Count == 0)
        {
            return result with { Outcome = ImportOutcome.Unchanged, SessionId = known.SessionId };
        }

        var leftOut = new List<LeftOutImage>();
        var added = 0;
        for (var at = 0; at < missing.Count;)
        {
            cancel.ThrowIfCancellationRequested();
            var next = missing.GetRange(at, Math.Min(MaxPrepared, missing.Count - at));
            var pictures = await Receive(userId, next, options.ImageShare, leftOut, cancel);
            try
            {
                for (var done = 0; done < next.Count;)
                {
                    var step = await db.Write(connection => writing.Step(connection, next, done, pictures, options.ImageShare));
                    if (step.ChatIsGone)
                    {
                        return result with { Outcome = ImportOutcome.DeletedHere };
                    }

                    foreach (var image in step.Images)
                    {
                        pictures.Remove(image);
                        added++;
                    }

                    writing.Accept(step);
                    done += step.Messages;
                }
            }
            finally
            {
                foreach (var (image, stored) in pictures)
                {
                    leftOut.Add(new LeftOutImage(image.Name, ImageRefusal.StorageFull));
                    await files.Discard(stored.File);
                }
            }

            at += next.Count;
        }

        return result with { SessionId = writing.SessionId, Messages = missing.Count, Images = added, LeftOut = leftOut };
    }

    private Task<KnownChat> Known(long userId, string source, string key, bool restoreDeleted) => db.Read(connection =>
    {
        var row = connection.QueryFirstOrDefault<ImportedChatRow>("""
            select c.id, c.leaf_id, s.id as session_id
            from imported_chats c
            left join sessions s on s.id = c.session_id and s.user_id = c.user_id
            where c.user_id = @userId and c.source = @source and c.source_key = @key
            """, new { userId, source, key });
        if (row is null || row.SessionId is null)
        {
            return new KnownChat([]) { DeletedHere = row is not null && !restoreDeleted };
        }

        var messages = connection.Query<ImportedMessageRow>("""
            select i.source_key, m.id
            from imported_messages i
            left join messages m on m.id = i.message_id and m.session_id = @SessionId
            where i.chat_id = @Id
            """, row).ToDictionary(message => message.SourceKey, message => message.Id);
        return new KnownChat(messages) { ChatId = row.Id, SessionId = row.SessionId, LeafId = row.LeafId };
    });

    /// <summary>Puts the images of messages on disk; their rows follow with their message.</summary>
    private async Task<Dictionary<ImportedImage, StoredImage>> Receive(
        long userId, List<PlacedMessage> messages, long share, List<LeftOutImage> leftOut, CancellationToken cancel)
    {
        var stored = new Dictionary<ImportedImage, StoredImage>(ReferenceEqualityComparer.Instance);
        long? taken = null;
        foreach (var image in messages.SelectMany(placed => placed.Message.Images))
        {
            taken ??= await images.BytesOf(userId);
            if (taken >= share)
            {
                leftOut.Add(new LeftOutImage(image.Name, ImageRefusal.StorageFull));
                continue;
            }

            if (await Receive(image, leftOut, cancel) is { } received)
            {
                stored[image] = received;
                taken += received.Bytes;
            }
        }

        return stored;
    }

    private async Task<StoredImage?> Receive(ImportedImage image, List<LeftOutImage> leftOut, CancellationToken cancel)
    {
        try
        {
            await using var body = image.Open();
            if (body is null)
            {
                leftOut.Add(new LeftOutImage(image.Name, ImageRefusal.Missing));
                return null;
            }

            var received = await files.Receive(body, MaxImageBytes, ImageHeader.MaxSide, cancel);
            if (received.Image is null)
            {
                leftOut.Add(received.TooLarge
                    ? new LeftOutImage(image.Name, ImageRefusal.TooLarge)
                    : new LeftOutImage(image.Name, ImageRefusal.Invalid, received.Refused));
            }

            return received.Image;
        }
        catch (Exception error) when (error is UploadBrokenException or InvalidDataException)
        {
            leftOut.Add(new LeftOutImage(image.Name, ImageRefusal.Invalid, "Its bytes are damaged."));
            return null;
        }
    }
}

/// <summary>What an earlier import left here of a chat.</summary>
/// <param name="Messages">The ids of its messages by their keys; null for one that was deleted here.</param>
internal sealed record KnownChat(Dictionary<string, long?> Messages)
{
    public long? ChatId { get; init; }

    public long? SessionId { get; init; }

    /// <summary>The end of the active branch as the import set it.</summary>
    public long? LeafId { get; init; }

    public bool DeletedHere { get; init; }
}

internal sealed record ImportedChatRow
{
    public long Id { get; init; }

    public long? LeafId { get; init; }

    public long? SessionId { get; init; }
}

internal sealed record ImportedMessageRow
{
    public string SourceKey { get; init; } = "";

    public long? Id { get; init; }
}
