using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Imports;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// Takes an archive for an account, for the command line: the request lasts as long as the import, so that it works the same on the folder
/// of a stopped server. After an end in between, the same archive again adds what is missing.
/// </summary>
internal static class OperatorImport
{
    private const long MaxBody = 64L << 30;

    public static void MapOperatorImport(this RouteGroupBuilder api) => api.MapPost("/imports/of/{userId:long}", Take)
        .Allow(Access.Operator).AcceptUploads().WithMetadata(new RequestSizeLimitAttribute(MaxBody));

    private static async Task<IResult> Take(
        long userId, string? name, bool? restoreDeleted, bool? everyone, HttpContext context, CurrentUser me, Users users,
        ImportUploads uploads, ChatImport import, Data.Audit.AuditLog audit, TimeProvider clock)
    {
        if (await users.Find(userId) is null)
        {
            return Problems.NotFound();
        }

        var request = context.Request;
        if (await uploads.Receive(request.Body, MaxBody, request.ContentLength, context.RequestAborted) is not { } path)
        {
            return new Problem(413, "too_large", $"An archive has at most {MaxBody >> 30} GiB.");
        }

        var scratch = path + ".scratch";
        var report = new ImportReport();
        try
        {
            await audit.Write(me.Audit("import.create", $"user:{userId}"), clock.GetUtcNow());
            var shown = ReadChat.OneLine(name) is { Length: > 0 } given ? given : "upload";
            var options = new ImportOptions(long.MaxValue, restoreDeleted ?? false); // the operator decides what fits on the disk
            await import.Run(
                new ImportRequest(userId, path, shown, scratch, options, everyone ?? false), report, _ => { }, context.RequestAborted);
            return TypedResults.Ok(new StoredReport { Report = report });
        }
        catch (ImportRefusedException refused)
        {
            return TypedResults.Ok(new StoredReport { Report = report, Error = new ImportError(refused.Code, refused.Message) });
        }
        catch (StoreException store)
        {
            var problem = Problems.FromStore(store);
            return TypedResults.Ok(new StoredReport { Report = report, Error = new ImportError(problem.Code, problem.Detail) });
        }
        finally
        {
            File.Delete(path);
        }
    }
}
