using AiChat.Data;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Endpoints.Images;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>The images of one message: all of them, those that are sent, and the note to the model about the rest.</summary>
internal sealed record TurnImages(IReadOnlyList<ImageRow> Rows, IReadOnlyList<ChatImage> Sent, string? Note);

/// <summary>
/// Chooses the images of a prompt: those of the newest messages, as many as vendors accept, and none for a model without vision.
/// </summary>
internal sealed class PromptImages(ImageStore images, ImageFiles files, ImageLinks links)
{
    /// <summary>The smallest of the vendors' limits: Gemini refuses a request over 20 MB, of which base64 leaves three quarters.</summary>
    private const int MaxCount = 20;
    private const long MaxBytes = 14 * 1024 * 1024;

    /// <summary>The images of each message that has any. The files are read while the request is sent, not before.</summary>
    public async Task<IReadOnlyDictionary<long, TurnImages>> For(long userId, IReadOnlyList<MessageRow> rows, bool canSee)
    {
        var all = await images.FindByMessages(userId, rows.Select(row => row.Id));
        var chosen = new Dictionary<long, TurnImages>();
        var (count, bytes) = (0, 0L);
        foreach (var group in all.OrderByDescending(group => group.Key))
        {
            var sent = new List<ChatImage>();
            foreach (var row in canSee ? group : Enumerable.Empty<ImageRow>())
            {
                // The newest image is always sent; if it is too large, the provider refuses it.
                if (count > 0 && (count == MaxCount || bytes + row.Bytes > MaxBytes))
                {
                    break;
                }

                if (!await IsThere(row))
                {
                    continue;
                }

                sent.Add(new ChatImage(row.Mime, row.Bytes, () => Open(row)));
                (count, bytes) = (count + 1, bytes + row.Bytes);
            }

            var rest = group.Count() - sent.Count;
            chosen[group.Key] = new TurnImages([.. group], sent, rest == 0 ? null : Note(rest, canSee));
        }

        return chosen;
    }

    public IReadOnlyList<ImageResponse> View(IReadOnlyDictionary<long, TurnImages> chosen, long messageId) =>
        chosen.GetValueOrDefault(messageId) is { } images ? [.. images.Rows.Select(links.From)] : [];

    private static string Note(int count, bool canSee)
    {
        var images = count == 1 ? "1 image" : $"{count} images";
        return $"[{images} left out: {(canSee ? "there is room for the newest only" : "this model cannot see images")}]";
    }

    private async Task<bool> IsThere(ImageRow row)
    {
        try
        {
            return await files.Fetch(row.File, CancellationToken.None);
        }
        catch (StoreException error)
        {
            throw new ProviderException(
                ProviderFailure.ServerError, "The images of this chat cannot be read now. Nothing was sent to the model.", inner: error);
        }
    }

    private FileStream Open(ImageRow row) =>
        files.Folder.Open(row.File)
        ?? throw new ProviderException(ProviderFailure.BadRequest, "An image of this chat was deleted in this moment.");
}
