using System.Text.Json.Serialization;
using AiChat.Data.Images;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Settings;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Chat;

/// <summary>Images that people add to their messages: upload, show, delete.</summary>
internal static class ImageEndpoints
{
    /// <summary>Of one image; the images of a message are uploaded one by one.</summary>
    private const long MaxBytes = 10 * 1024 * 1024;

    /// <summary>Storage of one guest; small, because there may be many guests.</summary>
    private const long GuestShare = 20 * 1024 * 1024;

    public static void MapImages(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/images").Allow(Access.Any);
        group.MapPost("", Upload).MakesGuests().AcceptUploads()
            .WithMetadata(new RequestSizeLimitAttribute(MaxBytes + ImageUploads.FrameBytes));
        group.MapDelete("/{id}", Delete);
        api.MapPost("/settings/images/refresh", Refresh).Allow(Access.Admin);
    }

    public static void MapImageFiles(this WebApplication app) =>
        app.MapMethods("/chat-images/{id}", [HttpMethods.Get, HttpMethods.Head], Show).Allow(Access.Public);

    private static async Task<IResult> Upload(
        HttpContext context, CurrentUser caller, GuestSignup guests, ImageStore images, ImageFiles files, ImageLinks links,
        SystemSettings settings, TimeProvider clock)
    {
        var (me, refused) = await guests.Enter(context, caller);
        if (me is null)
        {
            return refused!;
        }

        var share = me.IsGuest ? Math.Min(GuestShare, settings.ImageStoragePerUser) : settings.ImageStoragePerUser;
        if (await images.BytesOf(me.Id) >= share)
        {
            return ShareUsed();
        }

        var (image, problem) = await ImageUploads.Receive(context, files, MaxBytes, ImageHeader.MaxSide);
        if (image is null)
        {
            return problem!;
        }

        var stored = false;
        try
        {
            stored = await images.Insert(me.Id, image, share, clock.GetUtcNow());
        }
        finally
        {
            if (!stored)
            {
                await files.Discard(image.File);
            }
        }

        return stored
            ? TypedResults.Created(
                $"/chat-images/{image.Id}",
                new CreatedImageResponse(image.Id, links.Url(image.Id), image.Mime, image.Width, image.Height, image.Bytes))
            : ShareUsed();
    }

    private static async Task<IResult> Show(
        string id, string? exp, string? sig, HttpContext context, CurrentUser? me, ImageStore images, ImageFiles files, ImageLinks links)
    {
        var row = me is null ? null : await images.Find(me.Id, id);
        row ??= links.IsValid(id, exp, sig) ? await images.FindSigned(id) : null;
        if (row is null || await files.Open(row.File, context.RequestAborted) is not { } file)
        {
            return Problems.NotFound();
        }

        ImageUploads.SetHeaders(context.Response, row.Mime);
        context.Response.Headers.CacheControl = "private, no-store";
        return TypedResults.Stream(file, row.Mime, enableRangeProcessing: true);
    }

    private static async Task<IResult> Delete(string id, CurrentUser me, ImageStore images) =>
        await images.Delete(me.Id, id) ? TypedResults.NoContent() : Problems.NotFound();

    /// <summary>
    /// Shows an example of an image link. Links are made for each response, so a changed address applies at once. No other place reads
    /// the address from the request, and this one only shows it to the administrator who sent the request.
    /// </summary>
    private static async Task<IResult> Refresh(
        HttpContext context, CurrentUser me, ImageStore images, ImageLinks links, SystemSettings settings)
    {
        var request = context.Request;
        var isSet = settings.SiteBaseUrl.Length > 0;
        var address = isSet ? settings.SiteBaseUrl : $"{request.Scheme}://{request.Host}{request.PathBase}";
        var (newest, count) = await images.Sample(me.Id);
        return TypedResults.Ok(new ImageLinksResponse(
            address.TrimEnd('/'), isSet ? "setting" : "request", newest is null ? null : links.Signed(address, newest, links.Expiry()),
            count));
    }

    private static Problem ShareUsed() =>
        new(413, "storage_quota_exceeded", "Your images use all of your storage. Delete chats with images.");
}

internal sealed record CreatedImageResponse(string Id, string Url, string Mime, int Width, int Height, long Bytes);

/// <summary>The sample is one of the administrator's own images; an administrator may not open those of others.</summary>
internal sealed record ImageLinksResponse(
    string BaseUrl, string Source, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? SampleUrl, long Count);
