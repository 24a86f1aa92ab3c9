using AiChat.Data.Accounts;
using AiChat.Data.Images;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace AiChat.Endpoints.Accounts;

/// <summary>Avatars of users and the assistant, and the logo: always uploaded bytes, never a URL or a path.</summary>
internal static class AvatarEndpoints
{
    internal const long MaxBytes = 1024 * 1024;
    internal const int MaxSide = 1_024;

    public static void MapAvatars(this RouteGroupBuilder api)
    {
        var limit = new RequestSizeLimitAttribute(MaxBytes + ImageUploads.FrameBytes);
        api.MapPut("/settings/personal/avatar", SetOwn).Allow(Access.User).AcceptUploads().WithMetadata(limit);
        api.MapDelete("/settings/personal/avatar", RemoveOwn).Allow(Access.User);
        api.MapPut("/settings/assistant-avatar", SetAssistant).Allow(Access.Admin).AcceptUploads().WithMetadata(limit);
        api.MapDelete("/settings/assistant-avatar", RemoveAssistant).Allow(Access.Admin);
        api.MapPut("/settings/logo", SetLogo).Allow(Access.Admin).AcceptUploads().WithMetadata(limit);
        api.MapDelete("/settings/logo", RemoveLogo).Allow(Access.Admin);
    }

    public static void MapAvatarFiles(this WebApplication app)
    {
        string[] reading = [HttpMethods.Get, HttpMethods.Head];
        app.MapMethods("/avatars/{userId:long}", reading, ShowUser).Allow(Access.User);
        app.MapMethods("/avatars/assistant", reading, ShowAssistant).Allow(Access.Public);
        app.MapMethods("/avatars/logo", reading, ShowLogo).Allow(Access.Public);
    }

    private static async Task<IResult> SetOwn(
        HttpContext context, CurrentUser me, Avatars avatars, ImageFiles files, Retention retention)
    {
        var (image, problem) = await ImageUploads.Receive(context, files, MaxBytes, MaxSide);
        if (image is null)
        {
            return problem!;
        }

        if (!await avatars.Set(me.Id, image.File))
        {
            await files.Discard(image.File);
            return Problems.NotFound();
        }

        retention.Wake();
        return TypedResults.Ok(new AvatarResponse(AvatarLinks.Find(me.Id, image.File)));
    }

    private static async Task<IResult> RemoveOwn(CurrentUser me, Avatars avatars)
    {
        await avatars.Set(me.Id, null);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> SetAssistant(HttpContext context, CurrentUser me, SharedPictures pictures, AvatarLinks links) =>
        await pictures.Receive(context, me, FileRows.AssistantAvatar) ?? (IResult)TypedResults.Ok(new AvatarResponse(links.Assistant));

    private static Task<IResult> RemoveAssistant(CurrentUser me, SharedPictures pictures) =>
        pictures.Remove(me, FileRows.AssistantAvatar);

    private static async Task<IResult> SetLogo(HttpContext context, CurrentUser me, SharedPictures pictures, AvatarLinks links) =>
        await pictures.Receive(context, me, FileRows.Logo) ?? (IResult)TypedResults.Ok(new LogoResponse(links.Logo));

    private static Task<IResult> RemoveLogo(CurrentUser me, SharedPictures pictures) =>
        pictures.Remove(me, FileRows.Logo);

    private static async Task<IResult> ShowUser(long userId, HttpContext context, Avatars avatars, ImageFiles files) =>
        await Show(context, files, await avatars.Find(userId));

    private static Task<IResult> ShowAssistant(HttpContext context, ImageFiles files, AvatarLinks links) =>
        Show(context, files, links.AssistantFile);

    private static Task<IResult> ShowLogo(HttpContext context, ImageFiles files, AvatarLinks links) =>
        Show(context, files, links.LogoFile);

    private static async Task<IResult> Show(HttpContext context, ImageFiles files, string? name)
    {
        if (name is null || await files.Open(name, context.RequestAborted) is not { } file)
        {
            return Problems.NotFound();
        }

        var mime = ImageFolder.MimeOf(name);
        ImageUploads.SetHeaders(context.Response, mime);

        // The browser caches it but revalidates each time: after a sign-out it is no longer shown.
        context.Response.Headers.CacheControl = "private, no-cache";
        return TypedResults.Stream(file, mime, entityTag: new EntityTagHeaderValue($"\"{Path.GetFileNameWithoutExtension(name)}\""));
    }
}

/// <summary>The pictures everybody sees, each named by its key in the settings.</summary>
internal sealed class SharedPictures(Avatars avatars, ImageFiles files, AvatarLinks links, Retention retention, TimeProvider clock)
{
    /// <summary>Replaces the picture with the uploaded one; null on success.</summary>
    public async Task<Problem?> Receive(HttpContext context, CurrentUser me, string key)
    {
        var (image, problem) = await ImageUploads.Receive(context, files, AvatarEndpoints.MaxBytes, AvatarEndpoints.MaxSide);
        if (image is null)
        {
            return problem;
        }

        await Set(me, key, image.File, "set");
        retention.Wake();
        return null;
    }

    public async Task<IResult> Remove(CurrentUser me, string key)
    {
        await Set(me, key, null, "removed");
        return TypedResults.NoContent();
    }

    private async Task Set(CurrentUser me, string key, string? file, string what)
    {
        var audit = me.Audit($"settings.{key[(key.IndexOf('.', StringComparison.Ordinal) + 1)..]}", "settings", what);
        await avatars.SetShared(key, file, audit, clock.GetUtcNow());
        await links.Reload();
    }
}

internal sealed record AvatarResponse(string? AvatarUrl);

internal sealed record LogoResponse(string? LogoUrl);
