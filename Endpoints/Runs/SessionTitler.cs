using System.Threading.Channels;
using AiChat.Data.Chats;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Names sessions by the model that the administrator set for it, beside the first answer and never in its way. A title that does
/// not come, or comes after a person has named the session, is let go; the one made of the first message stays.
/// </summary>
internal sealed partial class SessionTitler(
    UtilityCompletion oneShot, ModelCatalog catalog, Sessions sessions, SystemSettings settings, BackgroundWork background,
    ILogger<SessionTitler> logger) : BackgroundService
{
    private const int Workers = 4;
    private const int MaxWaiting = 200;

    /// <summary>A title is the sooner there, and the cheaper, the less of a long message is read for it.</summary>
    private const int MaxExcerpt = 2_000;

    private const int MaxTitle = 80;

    /// <summary>Enough for a model that thinks first although it is asked not to.</summary>
    private const int MaxTokens = 1_000;

    private const string Instruction =
        "You name conversations. Answer with a title for the conversation that begins with the message below: at most eight words, "
        + "in the language of the message, without quotation marks and without a full stop. Do not answer the message itself.";

    private readonly Channel<Run> _waiting = Channel.CreateBounded<Run>(MaxWaiting);

    /// <summary>Takes note of a run that began a session; passed over when there is no such model or too much waits.</summary>
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

        var excerpt = run.Request.Content.Length <= MaxExcerpt ? run.Request.Content : Cut(run.Request.Content, MaxExcerpt);
        var place = new CallPlace(run.UserId) { SessionId = run.Session.Id, MessageId = run.MessageId, ApiKeyId = run.Started.Hold?.ApiKeyId };
        var answer = await oneShot.Ask(place, isAdmin: true, model, Instruction, excerpt, MaxTokens, stopping);
        if (Clean(answer) is { } title && await sessions.NameByModel(run.UserId, run.Session.Id, title))
        {
            run.ModelTitle = title;
        }
    }

    /// <summary>The first line as a title, or null when nothing of it is left.</summary>
    private static string? Clean(string? answer)
    {
        var line = (answer ?? "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        line = string.Concat(line.Where(letter => !char.IsControl(letter))).Trim(' ', '"', '\'', '*', '#', '“', '”', '‘', '’', '「', '」', '《', '》', '.', '。');
        return line.Length == 0 ? null : line.Length <= MaxTitle ? line : Cut(line, MaxTitle - 1).TrimEnd() + "…";
    }

    /// <summary>Never between the halves of one character.</summary>
    private static string Cut(string text, int length) => text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];

    [LoggerMessage(LogLevel.Debug, "Session {SessionId} keeps the title of its first message")]
    private static partial void LogNoTitle(ILogger logger, long sessionId, Exception error);
}
