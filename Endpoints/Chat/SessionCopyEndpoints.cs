using System.Globalization;
using AiChat.Data.Chats;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Chat;

/// <summary>Copies of a session: a fork or a file.</summary>
internal static class SessionCopyEndpoints
{
    public static void MapSessionCopies(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/sessions/{id:long}").Allow(Access.Any);
        group.MapPost("/fork", Fork);
        group.MapGet("/export", Export);
    }

    private static async Task<IResult> Fork(
        long id, ForkSession body, CurrentUser me, Branches branches, ForkLimit limit, SessionView view, TimeProvider clock)
    {
        if (await limit.Wait(me.Id) is var wait && wait > TimeSpan.Zero)
        {
            return Problems.TooMany("rate_limited", "Too many copies in a row. Wait a moment.", (int)Math.Ceiling(wait.TotalSeconds));
        }

        var (outcome, row) = await branches.Fork(me.Id, id, body.MessageId, clock.GetUtcNow());
        return outcome switch
        {
            ForkOutcome.Done => TypedResults.Created($"/api/sessions/{row!.Id}", await view.From(me, row)),
            ForkOutcome.NotFound => Problems.NotFound(),
            ForkOutcome.NotAnAnswer => Problems.Conflict("message_conflict", "Fork from an answer that is finished."),
            ForkOutcome.TooLong => new Problem(413, "too_large", "This chat is too long to be copied."),
        };
    }

    private static async Task<IResult> Export(
        long id, string? format, CurrentUser me, HttpContext context, Sessions sessions, SessionExport export)
    {
        if (format is not ("md" or "json"))
        {
            return Problems.Invalid("format", "is md or json");
        }

        if (await sessions.Find(me.Id, id) is not { } session)
        {
            return Problems.NotFound();
        }

        var name = ExportNames.Create(session.Title, $"chat-{id}");
        return format == "md"
            ? TypedResults.Stream(
                output => export.WriteMarkdown(output, me, session, context.RequestAborted), "text/markdown; charset=utf-8", $"{name}.md")
            : TypedResults.Stream(
                output => export.WriteJson(output, me, session, context.RequestAborted), "application/json; charset=utf-8", $"{name}.json");
    }
}

/// <summary>Limits forks by user: they are the longest writes a user can request, and all writes share one queue.</summary>
internal sealed class ForkLimit(NodeStore nodes, TimeProvider clock)
{
    private const double Burst = 20;
    private static readonly TimeSpan OneMoreAfter = TimeSpan.FromSeconds(5);

    private readonly SharedBuckets _buckets = new("fork", nodes, clock);

    /// <summary>Takes one fork from the user's limit; the result is zero, or how long to wait.</summary>
    public ValueTask<TimeSpan> Wait(long userId) =>
        _buckets.Take(userId.ToString(CultureInfo.InvariantCulture), Burst, OneMoreAfter);
}

/// <summary>The answer that the new session ends with.</summary>
internal sealed record ForkSession(long MessageId);
