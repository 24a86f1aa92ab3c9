using System.Text.Json;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>Takes the chats of one file of an archive, and tells what it left out.</summary>
/// <param name="isOnly">It is the only file that may hold chats, so that its faults are those of the import.</param>
internal sealed class FileReading(
    ChatImport import, ImportRequest request, ImportReport report, ArchiveContents contents, BlobSpool blobs, TextSpool texts,
    ArchiveFile file, bool isOnly)
    : IChatFiles
{
    private readonly List<Skipped> _strange = [];
    private readonly List<Skipped> _leftOut = [];
    private readonly HashSet<string> _members = [];
    private int _chats;
    private bool _isLarge;
    private int _longTexts;

    public async Task Run(Action<long> progress, CancellationToken cancel)
    {
        await using var stream = file.Open();
        using var elements = new JsonElements(stream, blobs);
        var number = 0;
        try
        {
            while (elements.Next() is { } piece)
            {
                cancel.ThrowIfCancellationRequested();
                await Take(piece, ++number, cancel);
                blobs.Clear();
                texts.Clear();
                progress(elements.Position);
            }
        }
        catch (ImportRefusedException refused) when (refused.Code == "invalid_json" && !isOnly)
        {
            report.Skip(file.Name, refused.Code, refused.Message);
        }

        var isCut = elements.IsCut || stream.IsCut;
        if (isCut)
        {
            report.Skip(file.Name, "cut", "The file ends before its end. What is there was taken; download the export again for the rest.");
        }

        TellStrange(isCut);
    }

    public Func<Stream?>? Find(string reference)
    {
        if (reference.StartsWith("data:", StringComparison.Ordinal))
        {
            var url = Keep(reference);
            return () => new MemoryStream(Decode(url.Read()));
        }

        return blobs.Find(reference) ?? contents.Find(reference);

        static byte[] Decode(string url)
        {
            var base64 = url[(url.IndexOf(',', StringComparison.Ordinal) + 1)..];
            var bytes = new byte[base64.Length];
            return Convert.TryFromBase64String(base64, bytes, out var count) ? bytes[..count] : [];
        }
    }

    public ImportedText Keep(string text) => _isLarge ? texts.Keep(text) : text;

    public MessageText Text(string? model = null) => new(this) { Model = model };

    public void LeaveOut(string what, string code, string why) => _leftOut.Add(new Skipped(what, code, why));

    private async Task Take(JsonPiece piece, int number, CancellationToken cancel)
    {
        var what = $"{file.BaseName}, entry {number}";
        if (piece.TooLarge)
        {
            report.Skip(what, "too_large", $"A single chat has at most {JsonElements.MaxBytes / (1024 * 1024)} MiB.");
            return;
        }

        ImportedChat? chat;
        try
        {
            using var opened = piece.Json.Open();
            var value = opened.Value;
            _isLarge = opened.IsLarge;
            if (ChatImport.ReaderOf(value) is not { } reader)
            {
                AddStrange(value, what);
                return;
            }

            _leftOut.Clear();
            _longTexts = piece.LongTexts;
            what = ReadChat.OneLine(value["title"].Text ?? value["name"].Text ?? value["session"]["title"].Text) is { Length: > 0 } title
                ? title : what;
            _chats++;
            chat = reader.Read(value, this);
        }
        catch (JsonException error)
        {
            if (!piece.IsCut)
            {
                var line = error.LineNumber is { } at ? $"line {at + 1}, " : "";
                report.Skip(
                    what, "invalid_json", $"This is not JSON: an error at {line}byte {error.BytePositionInLine + 1} of the entry.");
            }

            return;
        }

        if (chat is null)
        {
            report.Skip(what, "empty", "It holds no message.");
            return;
        }

        await Write(chat, what, cancel);
    }

    private async Task Write(ImportedChat chat, string what, CancellationToken cancel)
    {
        report.Sources.Add(chat.Source);
        if (chat.Source == OwnReader.Name)
        {
            if (OwnReader.Origin(chat.Key) is { } origin && await import.Sessions.Find(request.UserId, origin.Id) is { } here
                && here.CreatedAt == origin.CreatedAt)
            {
                report.Unchanged++; // the chat that was exported is still here
                return;
            }

            chat = await WithOwnImages(chat);
        }

        var result = await import.Store.Write(request.UserId, chat, request.Options, import.Clock.GetUtcNow(), cancel);
        switch (result.Outcome)
        {
            case ImportOutcome.Added:
                report.Taken++;
                report.FirstSessionId ??= result.SessionId;
                break;
            case ImportOutcome.Grown:
                report.Updated++;
                report.FirstSessionId ??= result.SessionId;
                break;
            case ImportOutcome.Unchanged:
                report.Unchanged++;
                return;
            case ImportOutcome.DeletedHere:
                report.Skip(what, "deleted_here", "It was imported before, and you deleted it here.");
                return;
            default:
                report.Skip(what, "empty", "It holds no message.");
                return;
        }

        report.Messages += result.Messages;
        report.Images += result.Images;
        Tell(result, what);
    }

    private void Tell(ImportResult result, string what)
    {
        foreach (var left in _leftOut)
        {
            report.Skip($"{left.What} ({what})", left.Code, left.Why);
        }

        if (_longTexts > 0)
        {
            report.Skip($"{_longTexts} × ({what})", "text_too_long",
                $"A text has at most {JsonElements.MaxText / (1024 * 1024)} MiB; of these only the beginning was taken.");
        }

        foreach (var image in result.LeftOut ?? [])
        {
            var (code, why) = image.Why switch
            {
                ImageRefusal.Missing => ("image_missing", "The export does not hold this picture."),
                ImageRefusal.TooLarge => ("image_too_large", $"A picture has at most {ImportStore.MaxImageBytes / (1024 * 1024)} MiB."),
                ImageRefusal.StorageFull => ("storage_quota_exceeded", "Your images use all of your storage."),
                _ => ("image_invalid", image.Detail ?? "This is no picture of a kind that is shown here."),
            };
            report.Skip($"{image.Name} ({what})", code, why);
        }

        if (result.Repaired > 0)
        {
            report.Skip($"{result.Repaired} × ({what})", "repaired",
                "The export does not tell the place of these messages; they were taken behind the one before them.");
        }
    }

    /// <summary>An export of this server names its images by links, which are good while it has them.</summary>
    private async Task<ImportedChat> WithOwnImages(ImportedChat chat)
    {
        var messages = new List<ImportedMessage>(chat.Messages.Count);
        foreach (var message in chat.Messages)
        {
            var own = new List<ImportedImage>(message.Images.Count);
            foreach (var image in message.Images)
            {
                var row = await import.Images.Find(request.UserId, image.Name);
                if (row is not null)
                {
                    await import.Files.Fetch(row.File, CancellationToken.None);
                }

                own.Add(row is null ? image : image with { Open = () => import.Files.Folder.Open(row.File) });
            }

            messages.Add(message with { Images = own });
        }

        return chat with { Messages = messages };
    }

    private void AddStrange(JsonValue value, string what)
    {
        if (_strange.Count == 0)
        {
            _members.UnionWith(value.Members.Select(member => member.Name).Take(200));
        }

        if (_strange.Count < 1_000)
        {
            var title = ReadChat.OneLine(value["title"].Text ?? value["name"].Text);
            _strange.Add(new Skipped(title.Length > 0 ? title : what, "not_a_chat",
                "This entry holds no messages, such as a folder or a project."));
        }
    }

    /// <summary>A file without any chat is told once, and what it looks like.</summary>
    private void TellStrange(bool isCut)
    {
        if (_chats > 0)
        {
            _strange.ForEach(entry => report.Skip(entry.What, entry.Code, entry.Why));
        }
        else
        {
            var why = FileKinds.Known(_members) ?? "It holds no chats in a form that is known here.";
            if (isOnly && report.TookNothing)
            {
                throw (isCut, _strange.Count) switch
                {
                    (true, 0) => new ImportRefusedException(
                        "cut_file", "The file ends before its end, and no whole chat is in it. Download the export again."),
                    (_, 0) => new ImportRefusedException("unknown_format", "The file holds nothing."),
                    _ => new ImportRefusedException("unknown_format", why),
                };
            }

            report.Skip(file.Name, "unknown_format", why);
        }
    }
}
