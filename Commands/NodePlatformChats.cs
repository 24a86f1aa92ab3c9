using AiChat.Data.NodePlatform;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Commands;

/// <summary>Sends the chats of an owner in groups, and after each group the images in it.</summary>
/// <param name="connection">The connection here that one there became.</param>
internal sealed class NodePlatformChats(
    SourceReader source, ImportSource place, ImportReport report, NodePlatformSender sender, bool dryRun, SourceCounts counts,
    Func<long?, long?> connection)
{
    /// <summary>Of one request: so many chats, or so many characters and one chat.</summary>
    private const int MaxChats = 50;
    private const int MaxCharacters = 512 * 1024;

    /// <summary>What a request holds at most, with room for what JSON escapes.</summary>
    private const int MaxChat = 30 * 1024 * 1024;

    private readonly List<(SourceChat Row, ChatForm Form)> _waiting = [];
    private readonly Dictionary<string, int> _left = new(StringComparer.Ordinal);
    private int _characters;
    private long _done;

    /// <summary>Chats that are here now.</summary>
    public long Met { get; private set; }

    /// <param name="owner">The account here; null for one that does not exist yet, in a dry run.</param>
    public async Task Take(IEnumerable<SourceChat> chats, long? owner)
    {
        foreach (var row in chats)
        {
            sender.Cancel.ThrowIfCancellationRequested();
            var form = ChatMapping.Map(row, source.Messages(row.Id), connection(row.ConnectionId), TimeProvider.System.GetUtcNow(), _left);
            var characters = form.Messages.Sum(message => message.Content.Length + (message.Reasoning?.Length ?? 0) + 200);
            if (characters > MaxChat)
            {
                report.Left("chats", "it is too long", form.Title);
                continue;
            }

            _waiting.Add((row, form));
            _characters += characters;
            if (_waiting.Count == MaxChats || _characters > MaxCharacters)
            {
                await Flush(owner);
            }
        }

        await Flush(owner);
        foreach (var (why, count) in _left)
        {
            report.Left("messages", why, count: count);
        }

        _left.Clear();
    }

    private async Task Flush(long? owner)
    {
        if (_waiting.Count == 0)
        {
            return;
        }

        var request = new ChatsRequest(dryRun, owner ?? 0, [.. _waiting.Select(chat => chat.Form)]);
        var outcomes = await sender.Send("chats", request, NodePlatformJson.Wire.ChatsRequest);
        var pictures = new List<Picture>();
        foreach (var (outcome, (row, form)) in outcomes.Zip(_waiting))
        {
            Tell(outcome, form);
            if (outcome.State is "added" or "grown" or "present")
            {
                pictures.AddRange(Pictures(row, form));
            }
        }

        _done += _waiting.Count;
        _waiting.Clear();
        _characters = 0;
        Terminal.Progress($"Chats {_done} of {counts.Chats + counts.GuestChats}");
        await Send(pictures, owner);
    }

    private void Tell(Outcome outcome, ChatForm form)
    {
        switch (outcome.State)
        {
            case "added":
                report.Taken("chats");
                break;
            case "grown":
            case "present":
                report.Present("chats");
                break;
            case "deleted":
                report.Left("chats", "it was deleted here since an earlier import", form.Title);
                Met++;
                return;
            default:
                report.Left("chats", "it holds no message", form.Title);
                return;
        }

        Met++;
        report.Taken("messages", outcome.Count);
        report.Present("messages", form.Messages.Length - outcome.Count);
    }

    private IEnumerable<Picture> Pictures(SourceChat row, ChatForm form) => source.Attachments(row.Id)
        .GroupBy(attachment => attachment.MessageId)
        .SelectMany(group => group.Select((attachment, position) => new Picture(
            ChatMapping.KeyOf(attachment.Id, attachment.Created), form.Key,
            ChatMapping.KeyOf(attachment.MessageId, attachment.MessageCreated), position, attachment.Path ?? "")));

    private async Task Send(List<Picture> pictures, long? owner)
    {
        if (pictures.Count == 0)
        {
            return;
        }

        var missing = (await sender.Send(
            "images/missing", new MissingRequest([.. pictures.Select(picture => picture.Key)]), NodePlatformJson.Wire.MissingRequest))
            .Select(outcome => outcome.Key).ToHashSet();
        report.Present("images", pictures.Count(picture => !missing.Contains(picture.Key)));
        foreach (var picture in pictures.Where(picture => missing.Contains(picture.Key)))
        {
            if (place.ImageFile(picture.Path) is not { } file)
            {
                report.Left("images", "the file is not there", picture.Path);
            }
            else if (dryRun)
            {
                report.Taken("images");
            }
            else
            {
                var query = $"user={owner}&chat={Uri.EscapeDataString(picture.Chat)}&message={Uri.EscapeDataString(picture.Message)}"
                    + $"&position={picture.Position}&key={Uri.EscapeDataString(picture.Key)}";
                await sender.Upload("images", "images", query, file);
            }
        }
    }

    private sealed record Picture(string Key, string Chat, string Message, int Position, string Path);
}
