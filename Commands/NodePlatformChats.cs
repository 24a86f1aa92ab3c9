using AiChat.Data.NodePlatform;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Commands;

/// <summary>Sends the chats of an owner in groups, and after each group the images in it.</summary>
/// <param name="connection">The connection here that one there became.</param>
internal sealed class NodePlatformChats(
    SourceReader source, ImportSource place, ImportReport report, NodePlatformSender sender, bool dryRun, SourceCounts counts,
    Func<long?, long?> connection)
{
    /// <summary>Of one request: so many chats, or so many characters and one message.</summary>
    private const int MaxChats = 50;
    private const int MaxCharacters = 512 * 1024;

    private readonly List<Portion> _waiting = [];
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
            foreach (var portion in Portions(row, form))
            {
                _waiting.Add(portion);
                _characters += portion.Form.Messages.Sum(Size);
                if (_waiting.Count == MaxChats || _characters > MaxCharacters)
                {
                    await Flush(owner);
                }
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

        var request = new ChatsRequest(dryRun, owner ?? 0, [.. _waiting.Select(portion => portion.Form)]);
        var outcomes = await sender.Send("chats", request, NodePlatformJson.Wire.ChatsRequest);
        var pictures = new List<Picture>();
        foreach (var (outcome, portion) in outcomes.Zip(_waiting))
        {
            Tell(outcome, portion);
            if (portion.IsLast && outcome.State is "added" or "grown" or "present")
            {
                pictures.AddRange(Pictures(portion.Row, portion.Form));
            }
        }

        _done += _waiting.Count(portion => portion.IsLast);
        _waiting.Clear();
        _characters = 0;
        Terminal.Progress($"Chats {_done} of {counts.Chats + counts.GuestChats}");
        await Send(pictures, owner);
    }

    /// <summary>
    /// The chat in pieces that a request has room for. Each names the messages before it without their texts, which the server has by then,
    /// so that its own find their place.
    /// </summary>
    private IEnumerable<Portion> Portions(SourceChat row, ChatForm form)
    {
        if (dryRun)
        {
            // Only counted, so nothing needs to be sent.
            yield return new Portion(row, form with { Messages = [.. form.Messages.Select(Bare)] }, form.Messages.Length, true, true);
            yield break;
        }

        for (int from = 0, to = 0; ; from = to)
        {
            var characters = 0;
            do
            {
                characters += to < form.Messages.Length ? Size(form.Messages[to++]) : 0;
            }
            while (to < form.Messages.Length && characters + Size(form.Messages[to]) <= MaxCharacters);

            var isLast = to == form.Messages.Length;
            MessageForm[] messages = [.. form.Messages[..from].Select(Bare), .. form.Messages[from..to]];
            yield return new Portion(
                row, form with { Messages = messages, LeafKey = isLast ? form.LeafKey : null }, to - from, from == 0, isLast);
            if (isLast)
            {
                yield break;
            }
        }
    }

    private static MessageForm Bare(MessageForm message) => new()
    {
        Key = message.Key,
        ParentKey = message.ParentKey,
        Role = message.Role,
        Content = "",
        Status = message.Status,
        CreatedAt = message.CreatedAt,
    };

    private static int Size(MessageForm message) =>
        message.Content.Length + (message.Reasoning?.Length ?? 0) + (message.ToolCalls?.Length ?? 0) + 200;

    private void Tell(Outcome outcome, Portion portion)
    {
        if (outcome.State is "added" or "grown" or "present")
        {
            report.Taken("messages", outcome.Count);
            report.Present("messages", portion.Own - outcome.Count);
        }

        if (!portion.IsFirst)
        {
            return;
        }

        switch (outcome.State)
        {
            case "added":
                report.Taken("chats");
                break;
            case "grown" or "present":
                report.Present("chats");
                break;
            case "deleted":
                report.Left("chats", "it was deleted here since an earlier import", portion.Form.Title);
                break;
            default:
                report.Left("chats", "it holds no message", portion.Form.Title);
                return;
        }

        Met++;
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

    /// <param name="Own">How many of its messages come with their texts.</param>
    private sealed record Portion(SourceChat Row, ChatForm Form, int Own, bool IsFirst, bool IsLast);

    private sealed record Picture(string Key, string Chat, string Message, int Position, string Path);
}
