using AiChat.Data.Nodes;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Admin;

/// <summary>Changes the master key. Only for the command line, which can put a key in its place.</summary>
internal static class MasterKeyEndpoints
{
    public static void MapMasterKey(this RouteGroupBuilder api) => api.MapPost("/master-key/rotate", Rotate).Allow(Access.Operator);

    private static async Task<IResult> Rotate(
        RotateRequest body, CurrentUser me, KeyRotation rotation, ModelCatalog catalog, NodeStore nodes)
    {
        if ((await nodes.Others()).Count > 0)
        {
            return Problems.Conflict(
                "other_nodes", "Other servers use this database with the same key. Stop them, change the key, and give them the new one.");
        }

        var given = body.NewKey is { } text ? KeyRotation.Parse(text) : null;
        if (body.NewKey is not null && given is null)
        {
            return Problems.Invalid("newKey", "holds 32 bytes as base64 or hex, as made by: openssl rand -base64 32");
        }

        if (given is null && rotation.IsKeptElsewhere)
        {
            return Problems.Conflict(
                "new_key_required",
                "The master key comes from AICHAT_MASTER_KEY or AICHAT_MASTER_KEY_FILE. Make a new one and name its file.");
        }

        var change = await rotation.Change(given, me.Audit("master_key.rotate", null));
        await catalog.Reload(); // it holds texts as they were sealed
        return TypedResults.Ok(new RotateResponse(change.Replaced, change.Left, change.KeyFile));
    }
}

internal sealed record RotateRequest(string? NewKey = null);

/// <summary>How many secrets the new key opens, how many the old one did not open either, and the file of the new key.</summary>
internal sealed record RotateResponse(int Secrets, int Unreadable, string? KeyFile);
