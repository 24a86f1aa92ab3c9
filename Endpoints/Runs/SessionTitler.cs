using System.Threading.Channels;
using AiChat.Data.Chats;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Lets the model that the administrator chose for it name new sessions, in parallel with the first answer. When it gives no title, or
/// a person has named the session meanwhile, the session keeps the title it has.
/// </summary>
internal sealed partial class SessionTitler(
    UtilityCompletion oneShot, ModelCatalog catalog, Sessions sessions, SystemSettings settings, BackgroundWork background,
    ILogger<SessionTitler> logger) : BackgroundService
{
    private const int Workers = 4;
    private const int MaxWaiting = 200;

    /// <summary>Characters of the message that the model reads; less is faster and cheaper.</summary>
    private const int MaxExcerpt = 2_000;

    /// <summary>Enough for a model that reasons first although reasoning is off.</summary>
    private const int MaxTokens = 1_000;

    private const string Instruction =
        "You name conversations. Answer with a title for the conversation that begins with the message below: at most eight words, "
        + "in the language of the message, without quotation marks and without a full stop. Do not answer the message itself.";

    private readonly Channel<Run> _waiting = Channel.CreateBounded<Run>(MaxWaiting);

    /// <summary>Queues a run that began a session; does nothing when no model is set or the queue is full.</summary>
    public void Consider(Run run)
    {
        if (run.Started.Title is not null && !run.Session.Temporary && settings.TitleModel.Length > 0)
        {
            _waiting.Writer.TryWrite(run);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => background.Repeat("titles", () => Work(stoppingToken), stoppingToken)));

    private async Task<bool> Work(CancellationToken stopping)
    {
        var run = await _waiting.Reader.ReadAsync(stopping);
        try
        {
            await Name(run, stopping);
        }
        catch (Exception error) when (!stopping.IsCancellationRequested)
        {
            LogNoTitle(logger, run.Session.Id, error);
        }

        return true;
    }

    private async Task Name(Run run, CancellationToken stopping)
    {
        if (run.StoppedAs is not null || catalog.Resolve(run.UserId, isAdmin: true, null, settings.TitleModel) is not { } model)
        {
            return;
        }

        var excerpt = run.Request.Content.Length <= MaxExcerpt ? run.Request.Content : ModelTitle.Cut(run.Request.Content, MaxExcerpt);
        var place = new CallPlace(run.UserId)
        {
            SessionId = run.Session.Id,
            MessageId = run.MessageId,
            ApiKeyId = run.Started.Reservation?.ApiKeyId,
        };
        var answer = await oneShot.Ask(place, isAdmin: true, model, Instruction, excerpt, MaxTokens, stopping);
        if (ModelTitle.Of(answer) is { } title && await sessions.NameByModel(run.UserId, run.Session.Id, title))
        {
            run.ModelTitle = title;
        }
    }

    [LoggerMessage(LogLevel.Debug, "Session {SessionId} keeps the title of its first message")]
    private static partial void LogNoTitle(ILogger logger, long sessionId, Exception error);
}
