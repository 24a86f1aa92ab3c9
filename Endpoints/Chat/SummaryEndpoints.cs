using AiChat.Data.Chats;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Chat;

/// <summary>What a model gets instead of the older messages of a chat: a summary, or nothing. The messages stay and can be read.</summary>
internal static class SummaryEndpoints
{
    public static void MapSummaries(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/sessions/{id:long}").Allow(Access.Any);
        group.MapPost("/summary", Write);
        group.MapPut("/messages/{messageId:long}/summary", Set);
    }

    /// <summary>Lets a model summarise all but the newest messages. It ends although the client leaves: the work is paid for.</summary>
    private static async Task<IResult> Write(
        long id, CurrentUser me, Sessions sessions, ChatSummary summary, IHostApplicationLifetime lifetime)
    {
        if (await sessions.Find(me.Id, id) is not { } session)
        {
            return Problems.NotFound();
        }

        try
        {
            var (last, text, problem) = await summary.Write(me, session, lifetime.ApplicationStopping);
            return problem is { } refused ? refused : TypedResults.Ok(new WrittenSummary(last!.Id, text));
        }
        catch (ProviderException error)
        {
            return Problems.FromProvider(error);
        }
    }

    private static async Task<IResult> Set(long id, long messageId, SummaryForm body, CurrentUser me, Messages messages) =>
        body.Summary is { Length: > ChatSummary.MaxLength }
            ? Problems.Invalid("summary", $"At most {ChatSummary.MaxLength} characters.")
            : await messages.Summarise(me.Id, id, messageId, body.Summary) ? TypedResults.NoContent() : Problems.NotFound();
}

/// <summary>The last message that the summary stands for, and the summary.</summary>
internal sealed record WrittenSummary(long MessageId, string Summary);

/// <summary>An empty summary means that nothing before is sent; null that the messages are sent again.</summary>
internal sealed record SummaryForm(string? Summary);
