using System.Text.Json.Serialization;
using AiChat.Data.Chats;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Chat;

/// <summary>Chat sessions of the caller.</summary>
internal static class SessionEndpoints
{
    private const string DefaultTitle = "";

    public static void MapSessions(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/sessions").Allow(Access.Any);
        group.MapGet("", List);
        group.MapPost("", Create).MakesGuests();
        group.MapPost("/bulk", ChangeMany);
        group.MapGet("/{id:long}", Get);
        group.MapPatch("/{id:long}", Change);
        group.MapDelete("/{id:long}", Delete);
    }

    private static async Task<IResult> List(
        CurrentUser me, Sessions sessions, Search search, SessionView view,
        string? q, bool? archived, string? cursor, int? limit, CancellationToken cancel)
    {
        var page = limit ?? 50;
        if (page is < 1 or > 100)
        {
            return Problems.Invalid("limit", "From 1 to 100.");
        }

        SessionCursor? after = null;
        if (cursor is not null && (after = ParseCursor(cursor)) is null)
        {
            return Cursor.Invalid();
        }

        if (q is { Length: > SearchTerms.MaxLength })
        {
            return Problems.Invalid("q", $"At most {SearchTerms.MaxLength} characters.");
        }

        if (SearchTerms.Parse(q) is { } terms)
        {
            var found = await search.Sessions(me.Id, terms, archived ?? false, after, page + 1, cancel);
            var matches = found.ToDictionary(one => one.Session.Id, one => one.Matches.Select(SearchMatch.From).ToList());
            var listed = await Page([.. found.Select(one => one.Session)]);
            return TypedResults.Ok(listed with { Items = [.. listed.Items.Select(item => item with { Matches = matches[item.Id] })] });
        }

        return TypedResults.Ok(await Page(await sessions.List(me.Id, archived ?? false, after, page + 1)));

        async Task<SessionPage> Page(List<SessionRow> rows)
        {
            var next = rows.Count > page && rows[page - 1] is var last ? $"{(last.Pinned ? 1 : 0)}-{last.UpdatedAt}-{last.Id}" : null;
            return new SessionPage(await view.From(me, rows.Take(page)), next);
        }
    }

    private static async Task<IResult> Create(
        CreateSession body, HttpContext context, CurrentUser caller, GuestSignup guests, Sessions sessions, ModelCatalog catalog,
        SessionView view, TimeProvider clock)
    {
        var errors = new Dictionary<string, string[]>();
        SessionFields.Title(errors, body.Title);
        SessionFields.SystemPrompt(errors, body.SystemPrompt);
        body.Parameters?.Validate(errors);
        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        var (me, refused) = await guests.Enter(context, caller);
        if (me is null)
        {
            return refused!;
        }

        ResolvedModel? model = null;
        if ((body.ConnectionId is not null || body.Model is not null)
            && (model = catalog.Resolve(me.Id, me.IsAdmin, body.ConnectionId, body.Model)) is null)
        {
            return Problems.NotFound();
        }

        model ??= catalog.Resolve(me.Id, me.IsAdmin, null, null);
        var title = body.Title?.Trim() is { Length: > 0 } given ? given : null;
        var row = await sessions.Insert(
            me.Id,
            new NewSession(
                title ?? DefaultTitle, title is null ? "default" : "user", model?.ConnectionId, model?.Model,
                body.SystemPrompt, body.Parameters?.ToJson(), body.Temporary ?? false),
            clock.GetUtcNow());
        return TypedResults.Created($"/api/sessions/{row.Id}", await view.From(me, row));
    }

    private static async Task<IResult> Get(long id, CurrentUser me, Sessions sessions, SessionView view) =>
        await sessions.Find(me.Id, id) is { } row ? TypedResults.Ok(await view.From(me, row)) : Problems.NotFound();

    private static async Task<IResult> Change(
        long id, ChangeSession body, CurrentUser me, Sessions sessions, ModelCatalog catalog, SessionView view)
    {
        var errors = body.Validate();
        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        ResolvedModel? model = null;
        if (body.Model is { IsSet: true, Value: { } name }
            && (model = catalog.Resolve(me.Id, me.IsAdmin, body.ConnectionId.Value, name)) is null)
        {
            return Problems.NotFound();
        }

        var row = await sessions.Update(me.Id, id, session => body.Apply(session, model));
        return row is null ? Problems.NotFound() : TypedResults.Ok(await view.From(me, row));
    }

    private static async Task<IResult> Delete(long id, CurrentUser me, Sessions sessions, RunRegistry registry)
    {
        var deleted = await sessions.Delete(me.Id, id);
        await registry.StopSession(me.Id, id); // after the delete, when no new run can begin in it
        return deleted ? TypedResults.NoContent() : Problems.NotFound();
    }

    /// <summary>Skips ids that do not exist or are not the caller's.</summary>
    private static async Task<IResult> ChangeMany(
        BulkChange body, CurrentUser me, Sessions sessions, RunRegistry registry, Retention retention)
    {
        if (body.Ids.Count is 0 or > BulkChange.MaxIds)
        {
            return Problems.Invalid("ids", $"1 to {BulkChange.MaxIds} ids.");
        }

        switch (body.Action)
        {
            case "delete":
                var deleted = await sessions.DeleteMany(me.Id, body.Ids);
                foreach (var id in body.Ids)
                {
                    await registry.StopSession(me.Id, id);
                }

                retention.Wake(); // removes their rows and files
                return TypedResults.Ok(new BulkChanged(deleted));
            case "archive" or "unarchive":
                return TypedResults.Ok(new BulkChanged(await sessions.ArchiveMany(me.Id, body.Ids, body.Action == "archive")));
            default:
                return Problems.Invalid("action", "is delete, archive or unarchive");
        }
    }

    private static SessionCursor? ParseCursor(string cursor) =>
        cursor.Split('-') is ["0" or "1", var second, var third]
        && Cursor.Parse(second, 0L) is { } at && Cursor.Parse(third, 0L) is { } id
            ? new SessionCursor(cursor[0] == '1', at, id) : null;
}

/// <summary>Rows as clients see them: with the model's name and the running answer.</summary>
internal sealed class SessionView(ModelCatalog catalog, RunRegistry registry, SystemSettings settings)
{
    private static readonly SessionParameters Unset = new();

    public async Task<SessionResponse> From(CurrentUser me, SessionRow row) => From(me, row, await registry.Running(me.Id));

    public async Task<List<SessionResponse>> From(CurrentUser me, IEnumerable<SessionRow> rows)
    {
        var running = await registry.Running(me.Id);
        return [.. rows.Select(row => From(me, row, running))];
    }

    private SessionResponse From(CurrentUser me, SessionRow row, IReadOnlyList<RunningAnswer> running) => new()
    {
        Id = row.Id,
        Title = row.Title,
        ConnectionId = row.ConnectionId,
        Model = row.Model,
        ModelName = (row.ConnectionId is { } connection ? catalog.Resolve(me.Id, me.IsAdmin, connection, row.Model)?.Name : null)
            ?? row.Model,
        SystemPrompt = row.SystemPrompt,
        Parameters = row.Parameters is not null
            && SessionParameters.Parse(row.Parameters) with { Reasoning = null } is var own && own != Unset ? own : null,
        Reasoning = SessionParameters.Parse(row.Parameters).Reasoning,
        Pinned = row.Pinned,
        Archived = row.Archived,
        Temporary = row.Temporary,
        CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
        UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt),
        MessageCount = row.MessageCount,
        ExpiresAt = row.Temporary ? DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt) + settings.TemporaryChatLife : null,
        ActiveRunMessageId = running.FirstOrDefault(run => run.SessionId == row.Id)?.MessageId,
    };
}

internal static class SessionFields
{
    public const int MaxTitle = 200;
    public const int MaxSystemPrompt = 20_000;

    public static void Title(Dictionary<string, string[]> errors, string? title)
    {
        if (title is not null && (title.Trim().Length is 0 or > MaxTitle || title.Any(char.IsControl)))
        {
            errors["title"] = [$"1 to {MaxTitle} characters on one line."];
        }
    }

    public static void SystemPrompt(Dictionary<string, string[]> errors, string? prompt)
    {
        if (prompt is { Length: > MaxSystemPrompt })
        {
            errors["systemPrompt"] = [$"At most {MaxSystemPrompt} characters."];
        }
    }
}

internal sealed record CreateSession(
    string? Title = null, long? ConnectionId = null, string? Model = null, string? SystemPrompt = null,
    SessionParameters? Parameters = null, bool? Temporary = null);

/// <summary>Absent members keep their value; null clears it.</summary>
internal sealed record ChangeSession(
    Optional<string?> Title = default,
    bool? Pinned = null,
    bool? Archived = null,
    Optional<long?> ConnectionId = default,
    Optional<string?> Model = default,
    Optional<string?> SystemPrompt = default,
    Optional<SessionParameters?> Parameters = default,
    Optional<ReasoningRequest?> Reasoning = default)
{
    public Dictionary<string, string[]> Validate()
    {
        var errors = new Dictionary<string, string[]>();
        SessionFields.Title(errors, Title.Value);
        SessionFields.SystemPrompt(errors, SystemPrompt.Value);
        Parameters.Value?.Validate(errors);
        Reasoning.Value?.Validate(errors);
        if (ConnectionId is { IsSet: true, Value: not null } && Model.Value is null)
        {
            errors["model"] = ["Name the model of this connection."];
        }

        return errors;
    }

    public SessionRow Apply(SessionRow session, ResolvedModel? model) => session with
    {
        Title = Title.IsSet ? Title.Value?.Trim() ?? "" : session.Title,
        TitleSource = Title.IsSet ? (Title.Value is null ? "default" : "user") : session.TitleSource,
        Pinned = Pinned ?? session.Pinned,
        Archived = Archived ?? session.Archived,
        ConnectionId = Model.IsSet ? model?.ConnectionId : session.ConnectionId,
        Model = Model.IsSet ? model?.Model : session.Model,
        SystemPrompt = SystemPrompt.Or(session.SystemPrompt),
        Parameters = Stored(session.Parameters),
    };

    private string? Stored(string? stored)
    {
        if (!Parameters.IsSet && !Reasoning.IsSet)
        {
            return stored;
        }

        var old = SessionParameters.Parse(stored);
        var none = new SessionParameters();
        var next = (Parameters.IsSet ? Parameters.Value ?? none : old) with { Reasoning = Reasoning.Or(old.Reasoning) };
        return next == none ? null : next.ToJson();
    }
}

/// <summary>Action is delete, archive or unarchive.</summary>
internal sealed record BulkChange(IReadOnlyList<long> Ids, string Action)
{
    public const int MaxIds = 100;
}

internal sealed record BulkChanged(int Changed);

internal sealed record SessionPage(
    IReadOnlyList<SessionResponse> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

internal sealed record SessionResponse
{
    public required long Id { get; init; }

    /// <summary>Empty until the first message; the page shows its own text for a new chat.</summary>
    public required string Title { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? ConnectionId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Model { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? ModelName { get; init; }

    public string? SystemPrompt { get; init; }

    public SessionParameters? Parameters { get; init; }

    public ReasoningRequest? Reasoning { get; init; }

    public bool Pinned { get; init; }

    public bool Archived { get; init; }

    public bool Temporary { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    public long MessageCount { get; init; }

    /// <summary>When a temporary chat is deleted if it is not used before.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? ActiveRunMessageId { get; init; }

    /// <summary>Only in search results: the messages that match, newest first; empty when only the title matches.</summary>
    public IReadOnlyList<SearchMatch>? Matches { get; init; }
}
