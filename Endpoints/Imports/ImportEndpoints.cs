using AiChat.Data.Audit;
using AiChat.Data.Imports;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Imports;

/// <summary>A person's own imports of chats: upload an archive, watch, end. Guests have no account to import into.</summary>
internal static class ImportEndpoints
{
    /// <summary>What the setting <see cref="SettingTable.ImportMaxMb"/> allows at most.</summary>
    private const long MaxBody = 16_384L * 1024 * 1024;

    public static void MapImports(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/imports").Allow(Access.User);
        group.MapPost("", Upload).AcceptUploads().WithMetadata(new RequestSizeLimitAttribute(MaxBody));
        group.MapGet("", List);
        group.MapGet("/{id:long}", Show);
        group.MapDelete("/{id:long}", Remove);
    }

    private static async Task<IResult> Upload(
        string? name, bool? restoreDeleted, bool? everyone, HttpContext context, CurrentUser me, ImportJobs jobs, ImportUploads uploads,
        SystemSettings settings, AuditLog audit, TimeProvider clock)
    {
        var limit = settings.ImportMaxBytes;
        var declared = context.Request.ContentLength;
        if (declared > limit)
        {
            return TooLarge(limit);
        }

        if (!await jobs.TryEnter(me.Id))
        {
            return TooMany();
        }

        try
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            {
                size.MaxRequestBodySize = limit;
            }

            if (await uploads.Receive(context.Request.Body, limit, declared, context.RequestAborted) is not { } path)
            {
                return TooLarge(limit);
            }

            var shown = ReadChat.OneLine(name) is { Length: > 0 } given ? given : "upload";
            if (await jobs.Add(me.Id, path, shown, new StoredOptions(restoreDeleted ?? false, everyone ?? false)) is not { } row)
            {
                return TooMany();
            }

            await audit.Write(me.Audit("import.create", $"import:{row.Id}"), clock.GetUtcNow());
            return TypedResults.Accepted($"/api/imports/{row.Id}", ImportResponse.From(row, jobs.Find(row.Id)));
        }
        finally
        {
            jobs.Leave(me.Id);
        }
    }

    private static async Task<IResult> List(CurrentUser me, ImportRows rows, ImportJobs jobs) =>
        TypedResults.Ok(new ImportList([.. (await rows.List(me.Id)).Select(row => ImportResponse.From(row, jobs.Find(row.Id)))]));

    private static async Task<IResult> Show(long id, CurrentUser me, ImportRows rows, ImportJobs jobs)
    {
        var live = jobs.Find(id); // before the row, which is written after it ends
        return await rows.Find(me.Id, id) is { } row ? TypedResults.Ok(ImportResponse.From(row, live)) : Problems.NotFound();
    }

    /// <summary>Ends a running one; takes a finished one from the list.</summary>
    private static async Task<IResult> Remove(long id, CurrentUser me, ImportRows rows, ImportJobs jobs) =>
        await jobs.Cancel(me.Id, id) || await rows.Delete(me.Id, id) ? TypedResults.NoContent() : Problems.NotFound();

    private static Problem TooMany() =>
        Problems.TooMany("too_many_imports", "Too many imports are waiting. Try again when one has ended.", 10);

    private static Problem TooLarge(long limit) => new(
        413, "too_large", $"An archive has at most {limit / (1024 * 1024)} MiB here. The administrator can allow more.");
}
