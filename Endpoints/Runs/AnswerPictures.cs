using AiChat.Data;
using AiChat.Data.Images;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Keeps the pictures that a model makes for one answer as image files; their rows are stored with the end of the answer. Files of an
/// answer that never ends so are removed with other files that no row names.
/// </summary>
/// <param name="files">The folder of images.</param>
/// <param name="room">Bytes that the owner's images may still take.</param>
internal sealed class AnswerPictures(ImageFiles files, Func<Task<long>> room)
{
    private const long MaxBytes = 16 * 1024 * 1024;

    private readonly List<StoredImage> _kept = [];
    private long? _left;

    public IReadOnlyList<StoredImage> Kept => _kept;

    /// <returns>In English, why it is left out; null when it is kept.</returns>
    /// <exception cref="StoreException">The disk is full or cannot be written.</exception>
    public async Task<string?> Keep(ChatDelta.Image picture, CancellationToken cancellationToken)
    {
        _left ??= await room();
        if (picture.Bytes.Length > _left)
        {
            return "there is no room left for your images";
        }

        var bytes = ChatImage.FromBytes(picture.MimeType, picture.Bytes);
        await using var stream = bytes.Open();
        var received = await files.Receive(stream, MaxBytes, ImageHeader.MaxSide, cancellationToken);
        if (received.Image is not { } image)
        {
            return received.Refused ?? "it is too large";
        }

        _left -= image.Bytes;
        _kept.Add(image);
        return null;
    }
}
