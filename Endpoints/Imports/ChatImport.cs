using System.Text.Json;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <param name="Path">The archive, which is only read.</param>
/// <param name="Name">What the person calls it.</param>
/// <param name="Scratch">The path of a file that does not exist; pictures are put aside beside it while they are read.</param>
/// <param name="Everyone">Takes chats of several people, as an administrator of Open WebUI exports them, into this one account.</param>
internal sealed record ImportRequest(long UserId, string Path, string Name, string Scratch, ImportOptions Options, bool Everyone = false);

/// <summary>
/// Takes the chats of an archive into an account: what the page and the command line do. The same archive again adds nothing, also after an
/// import that ended before its end.
/// </summary>
internal sealed class ChatImport(ImportStore store, ImageStore images, ImageFiles files, Sessions sessions, TimeProvider clock)
{
    private static readonly IReadOnlyList<IChatReader> Readers =
        [new OwnReader(), new ChatGptReader(), new ClaudeReader(), new LibreChatReader(), new ChatbotUiReader(), new OpenWebUiReader()];

    public ImportStore Store => store;

    public ImageStore Images => images;

    public ImageFiles Files => files;

    public Sessions Sessions => sessions;

    public TimeProvider Clock => clock;

    /// <param name="report">Filled as it goes on; what it says holds also when this throws.</param>
    /// <param name="progress">Called after each chat with the share that was read, 0 to 1.</param>
    /// <exception cref="ImportRefusedException">Nothing was taken, or the archive does harm.</exception>
    /// <exception cref="Data.StoreException">The disk is full or the store cannot be used.</exception>
    public async Task Run(ImportRequest request, ImportReport report, Action<double> progress, CancellationToken cancel)
    {
        using var archive = ImportArchive.Open(request.Path, request.Name);
        using var blobs = new BlobSpool(request.Scratch);
        using var texts = new TextSpool(blobs.Beside("texts"));
        var contents = new ArchiveContents(archive);
        var readable = contents.Chats.Where(file => file.Unreadable is null).ToList();
        if (readable.Count == 0)
        {
            throw contents.NoChats();
        }

        if (!request.Everyone)
        {
            readable.ForEach(file => RefuseSeveralOwners(file, blobs, cancel));
        }

        contents.Tell(report);
        var total = Math.Max(1, readable.Sum(file => file.Length ?? 0));
        long done = 0;
        foreach (var file in readable)
        {
            var reading = new FileReading(this, request, report, contents, blobs, texts, file, isOnly: readable.Count == 1);
            await reading.Run(read => progress(Math.Min(0.99, (done + read) / (double)total)), cancel);
            done += file.Length ?? 0;
        }

        if (report.TookNothing)
        {
            throw Nothing(report);
        }
    }

    /// <summary>The one that reads this value; null when it is no chat.</summary>
    public static IChatReader? ReaderOf(JsonValue value) => Readers.FirstOrDefault(reader => reader.Knows(value));

    private static ImportRefusedException Nothing(ImportReport report) =>
        report.Skipped.Count > 0 && report.Skipped.All(skipped => skipped.Code == "deleted_here")
            ? new ImportRefusedException("all_deleted",
                "All of its chats were imported before and deleted here. Ask for them to be brought back to take them again.")
            : report.Skipped.FirstOrDefault() is { } first && report.SkippedCount == 1
                ? new ImportRefusedException("nothing_taken", $"Nothing was taken. {first.What}: {first.Why}")
                : new ImportRefusedException("nothing_taken", "Nothing was taken: no chat with a message was found.");

    /// <summary>Chats of others do not get into an account unless its owner says so.</summary>
    private static void RefuseSeveralOwners(ArchiveFile file, BlobSpool blobs, CancellationToken cancel)
    {
        using var stream = file.Open();
        using var elements = new JsonElements(stream, blobs);
        string? owner = null;
        try
        {
            while (elements.Next() is { } piece)
            {
                cancel.ThrowIfCancellationRequested();
                blobs.Clear();
                if (piece.TooLarge)
                {
                    continue;
                }

                using var opened = piece.Json.Open();
                var value = opened.Value;
                if (value["user_id"].Text is not { } found || ReaderOf(value) is not OpenWebUiReader)
                {
                    return; // a form in which nobody exports chats of others
                }

                if (owner is not null && owner != found)
                {
                    throw new ImportRefusedException(
                        "several_owners",
                        "This file holds chats of several people. Say that you want all of them in your account, or import your own.");
                }

                owner = found;
            }
        }
        catch (JsonException)
        {
            // Told when it is read for its chats.
        }
    }
}
