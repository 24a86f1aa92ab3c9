using System.Text.Json.Serialization;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Chat;

/// <summary>Messages of a session: pages of the active branch, deletion, choice of a branch.</summary>
internal static class MessageEndpoints
{
    public static void MapMessages(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/sessions/{id:long}").Allow(Access.Any);
        group.MapGet("/messages", Page);
        group.MapGet("/find", Find);
        group.MapDelete("/messages", Clear);
        group.MapDelete("/messages/{messageId:long}", DeleteTurn);
        group.MapPost("/branch", Activate);
    }

    private static async Task<IResult> Page(
        long id, CurrentUser me, Messages messages, MessageList list, string? before, string? cursor, int? limit, bool? tree)
    {
        var page = limit ?? 50;
        long? from = null;
        if (page is < 1 or > 100)
        {
            return Problems.Invalid("limit", "From 1 to 100.");
        }

        if ((before ?? cursor) is { } text)
        {
            if (Cursor.Parse(text, 0L) is not { } number)
            {
                return Cursor.Invalid("before");
            }

            from = number;
        }

        if (tree == true)
        {
            var all = await messages.Tree(me.Id, id, from ?? 0, page + 1);
            var after = all?.Count > page ? Cursor.From(all[page - 1].Id) : null;
            return all is null ? Problems.NotFound() : TypedResults.Ok(await list.Create(me, id, [.. all.Take(page)], after));
        }

        // A cursor is the oldest message already shown: the page ends before it.
        var rows = await messages.Branch(me.Id, id, from, from is null ? page + 1 : page + 2);
        if (rows is null)
        {
            return Problems.NotFound();
        }

        if (from is not null && rows.Count > 0)
        {
            rows.RemoveAt(rows.Count - 1);
        }

        var more = rows.Count > page;
        rows = more ? rows[^page..] : rows;
        return TypedResults.Ok(await list.Create(me, id, rows, more ? Cursor.From(rows[0].Id) : null));
    }

    private static async Task<IResult> Find(
        long id, CurrentUser me, Search search, string? q, string? cursor, int? limit, CancellationToken cancel)
    {
        var page = limit ?? 100;
        if (page is < 1 or > 100)
        {
            return Problems.Invalid("limit", "From 1 to 100.");
        }

        if (Cursor.Parse(cursor, 0) is not { } skip)
        {
            return Cursor.Invalid();
        }

        if (q is null or { Length: 0 or > SearchTerms.MaxLength })
        {
            return Problems.Invalid("q", $"1 to {SearchTerms.MaxLength} characters.");
        }

        if (await search.Find(me.Id, id, q, skip, page, cancel) is not var (hits, total))
        {
            return Problems.NotFound();
        }

        var next = skip + hits.Count < total ? Cursor.From(skip + hits.Count) : null;
        return TypedResults.Ok(new FoundMessages([.. hits.Select(SearchMatch.From)], total, next));
    }

    private static async Task<IResult> Clear(long id, CurrentUser me, Messages messages, RunRegistry registry)
    {
        await registry.StopSession(me.Id, id);
        return await messages.Clear(me.Id, id) ? TypedResults.NoContent() : Problems.NotFound();
    }

    private static async Task<IResult> DeleteTurn(long id, long messageId, CurrentUser me, Messages messages, RunRegistry registry)
    {
        if (!await messages.DeleteBranch(me.Id, id, messageId))
        {
            return Problems.NotFound();
        }

        // A run on another branch continues.
        foreach (var run in registry.Find(me.Id).Where(run => run.Session.Id == id))
        {
            if (await messages.Find(me.Id, run.MessageId) is null)
            {
                run.Stop("stopped");
                await run.Ended;
            }
        }

        return TypedResults.NoContent();
    }

    private static async Task<IResult> Activate(long id, ActivateBranch body, CurrentUser me, Messages messages) =>
        await messages.Activate(me.Id, id, body.MessageId) ? TypedResults.NoContent() : Problems.NotFound();
}

/// <summary>Rows of one session as clients see them: with siblings, images and the current text of a running answer.</summary>
internal sealed class MessageList(Messages messages, ImageStore images, ImageLinks links, RunRegistry registry, RunMirrors mirrors)
{
    public async Task<MessagePage> Create(CurrentUser me, long sessionId, List<MessageRow> rows, string? next)
    {
        var children = await messages.Children(
            me.Id, sessionId, rows.Select(row => row.ParentId).OfType<long>().Distinct(), rows.Any(row => row.ParentId is null));
        var byParent = children.ToLookup(child => child.ParentId, child => child.Id);
        var pictures = await images.FindByMessages(me.Id, rows.Select(row => row.Id));
        var items = new List<MessageResponse>(rows.Count);
        foreach (var row in rows)
        {
            items.Add(await View(me, row, [.. byParent[row.ParentId]], [.. pictures[row.Id].Select(links.From)]));
        }

        return new MessagePage(items, next);
    }

    private async ValueTask<MessageResponse> View(
        CurrentUser me, MessageRow row, IReadOnlyList<long> siblings, IReadOnlyList<ImageResponse> pictures)
    {
        var message = MessageView.From(row, siblings, pictures);
        if (row.Status != "streaming" || (registry.Find(me.Id, row.Id)?.Log ?? await mirrors.Peek(me, row.Id)) is not { } log)
        {
            return message;
        }

        // The text of a running answer is in memory, or in pieces.
        var (content, reasoning, position) = log.Snapshot();
        return message with
        {
            Content = content,
            Reasoning = reasoning,
            ToolCalls = ToolEvents.Calls(log.Tools(), ended: false),
            EventId = position,
        };
    }
}

internal sealed record ActivateBranch(long MessageId);

/// <summary>A message that matches a search; marks are the positions of the hits in the snippet, in UTF-16 units.</summary>
internal sealed record SearchMatch(long MessageId, string Role, string Snippet, IReadOnlyList<TextMark> Marks)
{
    public static SearchMatch From(MessageMatch match) => new(match.MessageId, match.Role, match.Snippet.Text, match.Snippet.Marks);
}

/// <summary>In reading order; total counts all pages.</summary>
internal sealed record FoundMessages(
    IReadOnlyList<SearchMatch> Items, int Total, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

internal sealed record MessagePage(
    IReadOnlyList<MessageResponse> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);
