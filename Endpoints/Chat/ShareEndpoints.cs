using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Chat;

/// <summary>Links that let anybody read a chat up to its last message when the link was made or last renewed.</summary>
internal static class ShareEndpoints
{
    private const int TokenLength = 16;
    private static readonly TimeSpan MaxLife = TimeSpan.FromDays(3_660);

    public static void MapShares(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/sessions/{id:long}/share").Allow(Access.User);
        group.MapPost("", Create);
        group.MapGet("", Get);
        group.MapDelete("", Revoke);
        api.MapGet("/shares", Own).Allow(Access.User);
        api.MapGet("/shares/{token}", Read).Allow(Access.Public);
    }

    private static async Task<IResult> Create(
        long id, ShareForm body, CurrentUser me, Shares shares, ShareLinks links, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        if (body.ExpiresAt is { } end && (end <= now || end > now + MaxLife))
        {
            return Problems.Invalid("expiresAt", "A future time within ten years.");
        }

        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenLength));
        var (share, found) = await shares.Put(me.Caller, id, links.Seal(token, body.ExpiresAt), now);
        if (share is null)
        {
            return found ? Problems.Conflict("nothing_to_share", "There is no finished message to share yet.") : Problems.NotFound();
        }

        return links.View(share) is { } view ? TypedResults.Created($"/api/sessions/{id}/share", view) : Problems.NotFound();
    }

    private static async Task<IResult> Get(long id, CurrentUser me, Shares shares, ShareLinks links) =>
        await shares.Find(me.Id, id) is { } share && links.View(share) is { } view ? TypedResults.Ok(view) : Problems.NotFound();

    /// <summary>All links of the caller, newest first. A link under another master key has no address and can only be ended.</summary>
    private static async Task<IResult> Own(CurrentUser me, Shares shares, ShareLinks links, string? cursor, int? limit)
    {
        var page = limit ?? 50;
        if (page is < 1 or > 100)
        {
            return Problems.Invalid("limit", "From 1 to 100.");
        }

        if (Cursor.Parse(cursor, 0) is not { } skip)
        {
            return Cursor.Invalid();
        }

        var rows = await shares.List(me.Id, skip, page + 1);
        return TypedResults.Ok(new OwnSharePage(
            [.. rows.Take(page).Select(links.Owned)], rows.Count > page ? Cursor.From(skip + page) : null));
    }

    private static async Task<IResult> Revoke(long id, CurrentUser me, Shares shares, TimeProvider clock) =>
        await shares.Delete(me.Caller, id, clock.GetUtcNow()) ? TypedResults.NoContent() : Problems.NotFound();

    /// <summary>Messages from the first on, without the owner, the system prompt, the reasoning and the tool calls.</summary>
    private static async Task<IResult> Read(
        string token, HttpContext context, Shares shares, Branches branches, ImageStore images, ShareLinks links, TimeProvider clock,
        string? cursor, int? limit)
    {
        var page = limit ?? 50;
        if (page is < 1 or > 100)
        {
            return Problems.Invalid("limit", "From 1 to 100.");
        }

        if (Cursor.Parse(cursor, 0) is not { } skip)
        {
            return Cursor.Invalid();
        }

        context.Response.Headers["X-Robots-Tag"] = "noindex, nofollow";
        var now = clock.GetUtcNow();
        if (await shares.Open(Credentials.Hash(token), now) is not { } shared)
        {
            return Problems.NotFound();
        }

        var ids = await branches.Ids(shared.UserId, shared.Id, shared.LeafId);
        var rows = await branches.Page(shared.UserId, shared.Id, ids.Skip(skip).Take(page));
        var pictures = await images.FindByMessages(shared.UserId, rows.Select(row => row.Id));
        var next = skip + page < ids.Count ? Cursor.From(skip + page) : null;
        return TypedResults.Ok(new SharedChat(
            shared.Title, ShareLinks.Time(shared.CreatedAt), shared.ExpiresAt is { } end ? ShareLinks.Time(end) : null,
            [.. rows.Select(row => AsShared(row, shared)).Select(row => new SharedMessage(
                row.Id, row.Role, row.Content, [.. pictures[row.Id].Select(image => links.Image(image, now))], row.Model, row.Status,
                ShareLinks.Time(row.CreatedAt)))],
            next));
    }

    /// <summary>The last answer as it was when shared; it may have been continued since.</summary>
    private static MessageRow AsShared(MessageRow row, SharedSession shared) => row.Id != shared.LeafId ? row : row with
    {
        Content = shared.LeafLength < row.Content.Length ? row.Content[..(int)shared.LeafLength] : row.Content,
        Status = shared.LeafStatus ?? row.Status,
    };
}

/// <summary>Link tokens are stored as a digest and as ciphertext for their owner, so the database alone opens no chat.</summary>
internal sealed class ShareLinks(SecretCipher cipher, ImageLinks images, SystemSettings settings, BasePath basePath)
{
    /// <summary>How long an image URL stays valid after the link to its chat has ended.</summary>
    private static readonly TimeSpan ImageLife = TimeSpan.FromHours(1);

    public NewShare Seal(string token, DateTimeOffset? expiresAt)
    {
        var hash = Credentials.Hash(token);
        return new NewShare(hash, cipher.Seal(SecretPurpose.ShareTokens, Place(hash), token), expiresAt?.ToUnixTimeMilliseconds());
    }

    /// <summary>Null when the link was made under another master key.</summary>
    public ShareResponse? View(ShareRow row)
    {
        if (cipher.Open(SecretPurpose.ShareTokens, Place(row.Token), row.SealedToken) is not { } token)
        {
            return null;
        }

        return new ShareResponse(
            token, $"{Site}/share/{token}", row.ExpiresAt is { } end ? Time(end) : null, Time(row.CreatedAt), row.LeafId);
    }

    public OwnShare Owned(OwnShareRow row) => new(
        row.SessionId, row.Title, cipher.Open(SecretPurpose.ShareTokens, Place(row.Token), row.SealedToken) is { } token
            ? $"{Site}/share/{token}" : null,
        row.ExpiresAt is { } end ? Time(end) : null, Time(row.CreatedAt));

    public ImageResponse Image(ImageRow row, DateTimeOffset now) =>
        new(row.Id, images.Signed(Site, row.Id, now + ImageLife), row.Width, row.Height, row.Mime);

    public static DateTimeOffset Time(long at) => DateTimeOffset.FromUnixTimeMilliseconds(at);

    private string Site => settings.SiteBaseUrl is { Length: > 0 } address ? address.TrimEnd('/') : basePath.Current;

    private static string Place(string tokenHash) => $"shares|sealed_token|{tokenHash}|v1";
}

/// <summary>Without an expiry the link is valid until it is revoked.</summary>
internal sealed record ShareForm(DateTimeOffset? ExpiresAt = null);

/// <summary>LastMessageId is the last shared message.</summary>
internal sealed record ShareResponse(
    string Token,
    string Url,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? ExpiresAt,
    DateTimeOffset CreatedAt,
    long LastMessageId);

/// <summary>One link of the caller, in the list of all. Url is null when the link was made under another master key.</summary>
internal sealed record OwnShare(
    long SessionId,
    string Title,
    string? Url,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? ExpiresAt,
    DateTimeOffset CreatedAt);

internal sealed record OwnSharePage(
    IReadOnlyList<OwnShare> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

/// <summary>The chat as anybody with the link sees it.</summary>
internal sealed record SharedChat(
    string Title,
    DateTimeOffset CreatedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? ExpiresAt,
    IReadOnlyList<SharedMessage> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

internal sealed record SharedMessage(
    long Id, string Role, string Content, IReadOnlyList<ImageResponse> Images, string? Model, string Status, DateTimeOffset CreatedAt);
