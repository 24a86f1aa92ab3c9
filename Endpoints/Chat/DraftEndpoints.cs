using System.Globalization;
using AiChat.Data.Chats;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Chat;

/// <summary>Unsent texts, stored on the server: they follow the user to every device, and none stays behind after a sign-out.</summary>
internal static class DraftEndpoints
{
    private const int MaxLength = 100_000;

    public static void MapDrafts(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/drafts/{slot}").Allow(Access.Any);
        group.MapGet("", Get);
        group.MapPut("", Put).WithMetadata(new RequestSizeLimitAttribute(WebServer.MessageBody));
        group.MapDelete("", Delete);
    }

    /// <summary>Empty without a draft, and for a chat that does not exist or is not the caller's, so that it reveals neither.</summary>
    private static async Task<IResult> Get(string slot, CurrentUser me, Drafts drafts) => !TryParse(slot, out var session)
        ? Problems.NotFound()
        : TypedResults.Ok(await drafts.Find(me.Id, session) is { } row
            ? new DraftResponse(row.Content, DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt))
            : new DraftResponse("", null));

    private static async Task<IResult> Put(string slot, DraftForm body, CurrentUser me, Drafts drafts, TimeProvider clock)
    {
        if (body.Text.Length > MaxLength)
        {
            return Problems.Invalid("text", $"At most {MaxLength} characters.");
        }

        if (!TryParse(slot, out var session))
        {
            return Problems.NotFound();
        }

        if (body.Text.Length == 0)
        {
            await drafts.Delete(me.Id, session);
            return TypedResults.NoContent();
        }

        return await drafts.Put(me.Id, session, body.Text, clock.GetUtcNow()) ? TypedResults.NoContent() : Problems.NotFound();
    }

    private static async Task<IResult> Delete(string slot, CurrentUser me, Drafts drafts)
    {
        if (!TryParse(slot, out var session))
        {
            return Problems.NotFound();
        }

        await drafts.Delete(me.Id, session);
        return TypedResults.NoContent();
    }

    /// <summary>A session's id, or <c>new</c> for a chat that does not exist yet.</summary>
    private static bool TryParse(string slot, out long? session)
    {
        session = long.TryParse(slot, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;
        return session > 0 || slot == "new";
    }
}

internal sealed record DraftForm(string Text);

internal sealed record DraftResponse(string Text, DateTimeOffset? UpdatedAt);
