using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AiChat.Data.Images;
using AiChat.Data.Imports;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Settings;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>
/// Takes what the command line reads from the database of the Node.js platform: the command reads as the person who started it, the server
/// writes as ever. Each request is a part; the same part again changes nothing, so an import that was ended anywhere is simply run again.
/// </summary>
internal static class NodePlatformEndpoints
{
    private const long MaxBody = 128 * 1024 * 1024;
    private const long MaxImage = 64 * 1024 * 1024;
    private const int MaxAvatarSide = 4_096;

    /// <summary>The platform knew no bound for an image; what a browser cannot show is no use.</summary>
    private const int MaxSide = 32_768;

    public static void MapNodePlatform(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/imports/node-platform").Allow(Access.Operator).WithMetadata(new RequestSizeLimitAttribute(MaxBody));
        group.MapPost("/connections", Part(
            NodePlatformJson.Wire.ConnectionsRequest,
            (context, body) => Service<NodePlatformConnections>(context).Take(body, Me(context))));
        group.MapPost("/settings", Part(
            NodePlatformJson.Wire.SettingsRequest, (context, body) => Service<NodePlatformSettings>(context).Take(body, Me(context))));
        group.MapPost("/users", Part(NodePlatformJson.Wire.UsersRequest, Users));
        group.MapPost("/guests", Part(NodePlatformJson.Wire.GuestsRequest, Guests));
        group.MapPost("/chats", Part(NodePlatformJson.Wire.ChatsRequest, Chats));
        group.MapPost("/images/missing", Part(NodePlatformJson.Wire.MissingRequest, Missing));
        group.MapPost("/images", Picture(MaxSide, Image)).AcceptUploads();
        group.MapPost("/avatars", Picture(MaxAvatarSide, Avatar)).AcceptUploads();
        group.MapPost("/usage", Part(NodePlatformJson.Wire.UsageRequest, Usage));
        group.MapPost("/traces", Part(
            NodePlatformJson.Wire.TracesRequest, (context, body) => Service<NodePlatformTraces>(context).Take(body)));
    }

    /// <summary>Written out, because what is generated for each route that binds its body is a hundred kilobytes for all of them.</summary>
    private static RequestDelegate Part<T>(JsonTypeInfo<T> type, Func<HttpContext, T, Task<Outcome[]>> take)
        where T : class => async context =>
    {
        T? body;
        try
        {
            body = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted);
        }
        catch (JsonException error)
        {
            await Problems.BadRequest(error.Message).ExecuteAsync(context);
            return;
        }

        await Answer(context, body is null ? [] : await take(context, body));
    };

    /// <summary>Puts a picture on disk and lets it be placed; one that is not placed is removed again.</summary>
    private static RequestDelegate Picture(int maxSide, Func<HttpContext, StoredImage, Task<string>> place) => async context =>
    {
        var files = Service<ImageFiles>(context);
        var (image, problem) = await ImageUploads.Receive(context, files, MaxImage, maxSide);
        if (image is null)
        {
            await problem!.ExecuteAsync(context);
            return;
        }

        var state = "";
        try
        {
            state = await place(context, image);
        }
        finally
        {
            if (state != "added")
            {
                await files.Discard(image.File);
            }
        }

        await Answer(context, [new Outcome(Query(context, "key"), state)]);
    };

    private static Task Answer(HttpContext context, Outcome[] outcomes) =>
        TypedResults.Json(new OutcomesResponse(outcomes), NodePlatformJson.Wire.OutcomesResponse).ExecuteAsync(context);

    private static async Task<Outcome[]> Users(HttpContext context, UsersRequest body)
    {
        var placed = await Service<NodePlatformUsers>(context).Place(
            body.Users, body.Merge, body.DryRun, Me(context).Client.Address, Now(context));
        var setup = Service<SetupCode>(context);
        if (!body.DryRun && setup.SetupRequired && placed.Exists(user => user.Id is not null))
        {
            setup.Consume(); // the first account is here, and there is no second one
        }

        return [.. placed.Select(user => new Outcome(user.Key, State(user.Place), user.Id, user.Name))];
    }

    private static async Task<Outcome[]> Guests(HttpContext context, GuestsRequest body)
    {
        var expires = Now(context).AddDays(Math.Max(1, Service<SystemSettings>(context).AnonymousRetentionDays));
        var placed = await Service<NodePlatformUsers>(context).PlaceGuests(
            [.. body.Keys.Select(key => new NodePlatformGuest(key, Credentials.Hash(key)))], body.DryRun, expires, Now(context));
        return [.. placed.Select(guest => new Outcome(guest.Key, State(guest.Place), guest.Id))];
    }

    private static async Task<Outcome[]> Chats(HttpContext context, ChatsRequest body)
    {
        if (body.DryRun)
        {
            var known = (await Service<NodePlatformStore>(context).Known(body.UserId, Text([.. body.Chats.Select(chat => chat.Key)])))
                .ToDictionary(chat => chat.SourceKey, chat => (int)chat.Messages);
            return [.. body.Chats.Select(chat => Forecast(chat, known))];
        }

        var outcomes = new List<Outcome>();
        foreach (var form in body.Chats)
        {
            var result = await Service<ImportStore>(context).Write(
                body.UserId, ChatForms.Read(form), new ImportOptions(long.MaxValue), Now(context), context.RequestAborted);
            var state = result.Outcome switch
            {
                ImportOutcome.Added => "added",
                ImportOutcome.Grown => "grown",
                ImportOutcome.Unchanged => "present",
                ImportOutcome.DeletedHere => "deleted",
                _ => "empty",
            };
            outcomes.Add(new Outcome(form.Key, state, result.SessionId, Count: result.Messages, Repaired: result.Repaired));
        }

        return [.. outcomes];
    }

    private static async Task<Outcome[]> Missing(HttpContext context, MissingRequest body) =>
        [.. (await Service<NodePlatformStore>(context).MissingImages(Text(body.Keys))).Select(key => new Outcome(key, "missing"))];

    private static async Task<string> Image(HttpContext context, StoredImage image)
    {
        var target = new NodePlatformImage(
            User(context), Query(context, "chat"), Query(context, "message"),
            int.Parse(Query(context, "position"), CultureInfo.InvariantCulture), Query(context, "key"));
        return await Service<NodePlatformStore>(context).Attach(target, image, Now(context)) switch
        {
            ImagePlace.Added => "added",
            ImagePlace.Present => "present",
            _ => "deleted",
        };
    }

    private static async Task<string> Avatar(HttpContext context, StoredImage image) =>
        await Service<NodePlatformUsers>(context).SetAvatar(User(context), Query(context, "key"), image.File) ? "added" : "present";

    private static async Task<Outcome[]> Usage(HttpContext context, UsageRequest body) =>
        [new Outcome("usage", "added", Count: await Service<NodePlatformStore>(context).AddUsage(body.Entries))];

    private static Outcome Forecast(ChatForm chat, Dictionary<string, int> known)
    {
        var here = known.TryGetValue(chat.Key, out var count);
        var added = Math.Max(0, chat.Messages.Length - count);
        return new Outcome(chat.Key, !here ? "added" : added > 0 ? "grown" : "present", Count: added);
    }

    private static string State(UserPlace place) => place switch
    {
        UserPlace.Added => "added",
        UserPlace.Renamed => "renamed",
        UserPlace.Merged => "merged",
        UserPlace.Present => "present",
        UserPlace.Deleted => "deleted",
        UserPlace.Taken => "taken",
    };

    private static string Text(string[] keys) =>
        JsonSerializer.Serialize(keys, SettingsJson.Default.StringArray);

    private static T Service<T>(HttpContext context)
        where T : class => context.RequestServices.GetRequiredService<T>();

    private static CurrentUser Me(HttpContext context) => context.Features.Get<CurrentUser>()!;

    private static DateTimeOffset Now(HttpContext context) => Service<TimeProvider>(context).GetUtcNow();

    private static string Query(HttpContext context, string name) => context.Request.Query[name].ToString();

    private static long User(HttpContext context) => long.Parse(Query(context, "user"), CultureInfo.InvariantCulture);
}
