using System.Globalization;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Data.Chats;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Chat;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Accounts;

/// <summary>All data the server stores about the caller, as one file.</summary>
internal static class AccountExportEndpoints
{
    public static void MapAccountExport(this RouteGroupBuilder api) => api.MapGet("/account/export", Export).Allow(Access.User);

    /// <summary>Needs no password, but is rate limited: no other request makes as much work.</summary>
    private static async Task<IResult> Export(CurrentUser me, HttpContext context, AccountExport export, AuditLog audit, TimeProvider clock)
    {
        if (await export.Wait(me.Id) is var wait && wait > TimeSpan.Zero)
        {
            return Problems.TooMany("rate_limited", "Too many exports in a row. Wait a while.", (int)Math.Ceiling(wait.TotalSeconds));
        }

        var now = clock.GetUtcNow();
        await audit.Write(me.Audit("account.export", $"user:{me.Id}"), now);
        return TypedResults.Stream(
            output => export.Write(output, me, now, context.RequestAborted),
            "application/json; charset=utf-8",
            $"aichat-{me.Username}-{now:yyyy-MM-dd}.json");
    }
}

/// <summary>Streams an account as JSON while reading it, so that memory does not grow with its size.</summary>
internal sealed class AccountExport(
    AccountData data, Users users, Preferences preferences, Prompts prompts, Sessions chats, SessionExport sessions,
    NodeStore nodes, BasePath basePath, TimeProvider clock)
{
    private const double Burst = 5;
    private static readonly TimeSpan OneMoreAfter = TimeSpan.FromMinutes(10);

    private readonly SharedBuckets _buckets = new("export", nodes, clock);

    /// <summary>Takes one export from the user's limit; the result is zero, or how long to wait.</summary>
    public ValueTask<TimeSpan> Wait(long userId) =>
        _buckets.Take(userId.ToString(CultureInfo.InvariantCulture), Burst, OneMoreAfter);

    public async Task Write(Stream output, CurrentUser me, DateTimeOffset now, CancellationToken cancel)
    {
        await using var file = new JsonFile(output, cancel);
        var writer = file.Writer;
        writer.WriteStartObject();
        writer.WriteString("format", "aichat-account");
        writer.WriteNumber("version", 1);
        writer.WriteString("exportedAt", now.UtcDateTime);
        if (await users.Find(me.Id) is { } user)
        {
            writer.WritePropertyName("user");
            JsonSerializer.Serialize(writer, UserResponse.From(user), AccountsJson.Wire.UserResponse);
        }

        writer.WritePropertyName("preferences");
        writer.WriteRawValue(await preferences.Find(me.Id) ?? "{}");
        writer.WriteStartArray("prompts");
        foreach (var row in (await prompts.List(me.Id)).Where(row => row.UserId == me.Id))
        {
            JsonSerializer.Serialize(writer, PromptResponse.From(row, me), ChatJson.Wire.PromptResponse);
        }

        writer.WriteEndArray();
        await WriteDrafts(writer, me);
        await WriteImages(writer, me);
        writer.WriteStartArray("sessions");
        foreach (var id in await data.SessionIds(me.Id))
        {
            if (await chats.Find(me.Id, id) is { } row)
            {
                await sessions.WriteSession(file, me, row, cancel);
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        await file.Flush();
    }

    private async Task WriteDrafts(Utf8JsonWriter writer, CurrentUser me)
    {
        writer.WriteStartArray("drafts");
        foreach (var row in await data.Drafts(me.Id))
        {
            var draft = new OwnDraft(row.SessionId, row.Content, DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt));
            JsonSerializer.Serialize(writer, draft, AccountsJson.Wire.OwnDraft);
        }

        writer.WriteEndArray();
    }

    /// <summary>Writes images as URLs; the client loads the files one by one.</summary>
    private async Task WriteImages(Utf8JsonWriter writer, CurrentUser me)
    {
        writer.WriteStartArray("images");
        foreach (var row in await data.Images(me.Id))
        {
            JsonSerializer.Serialize(
                writer,
                new OwnImage(
                    row.Id, $"{basePath.Current}/chat-images/{row.Id}", row.MessageId, row.Mime, row.Width, row.Height, row.Bytes,
                    DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt)),
                AccountsJson.Wire.OwnImage);
        }

        writer.WriteEndArray();
    }
}

internal sealed record OwnDraft(long? SessionId, string Text, DateTimeOffset UpdatedAt);

internal sealed record OwnImage(
    string Id, string Url, long? MessageId, string Mime, int Width, int Height, long Bytes, DateTimeOffset CreatedAt);
