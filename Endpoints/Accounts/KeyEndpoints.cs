using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Accounts;

/// <summary>The caller's API keys. A key is shown once, at creation, and cannot create or delete keys itself.</summary>
internal static class KeyEndpoints
{
    private const int ShownLength = 10;

    public static void MapKeys(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/keys").Allow(Access.User);
        group.MapGet("", List);
        group.MapPost("", Create);
        group.MapDelete("/{id:long}", Delete);
    }

    private static async Task<IResult> List(CurrentUser me, ApiKeys keys, SystemSettings settings, TimeProvider clock)
    {
        var rows = await keys.List(me.Id, clock.GetUtcNow());
        var address = settings.SiteBaseUrl is { Length: > 0 } site ? site : null;
        return TypedResults.Json(
            new ApiKeyPage([.. rows.Select(ApiKeyResponse.From)], NextCursor: null, address), AccountsJson.Wire.ApiKeyPage);
    }

    private static async Task<IResult> Create(CreateApiKey body, CurrentUser me, ApiKeys keys, TimeProvider clock)
    {
        if (me.ApiKeyId is not null)
        {
            return Problems.Forbidden("A key cannot make keys.");
        }

        var now = clock.GetUtcNow();
        if (body.Validate(now) is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        var key = Credentials.KeyPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var row = new NewApiKey(
            body.Name.Trim(),
            Credentials.Hash(key),
            key[..ShownLength],
            JsonSerializer.Serialize(
                (body.Scopes ?? [KeyScopes.Chat, KeyScopes.Models]).Distinct().ToArray(), CatalogRowJson.Default.StringArray),
            body.Models is null ? null : JsonSerializer.Serialize(body.Models.Distinct().ToArray(), CatalogRowJson.Default.StringArray),
            QuotaPolicy.Nanos(body.DailyBudget),
            body.ExpiresAt?.ToUnixTimeMilliseconds());
        return await keys.Insert(me.Caller, row, now) is { } id
            ? TypedResults.Json(new CreatedApiKey(id, row.Name, key, row.Prefix), AccountsJson.Wire.CreatedApiKey, statusCode: 201)
            : Problems.Conflict("too_many_keys", $"An account has at most {ApiKeys.MaxCount} keys.");
    }

    private static async Task<IResult> Delete(long id, CurrentUser me, ApiKeys keys, TimeProvider clock)
    {
        if (me.ApiKeyId is not null)
        {
            return Problems.Forbidden("A key cannot remove keys.");
        }

        return await keys.Delete(me.Caller, id, clock.GetUtcNow()) ? TypedResults.NoContent() : Problems.NotFound();
    }
}

/// <summary>Scopes default to chat and models. Models are catalogue ids, null for all. The budget is money per day.</summary>
internal sealed record CreateApiKey(
    string Name, IReadOnlyList<string>? Scopes = null, IReadOnlyList<string>? Models = null, DateTimeOffset? ExpiresAt = null,
    decimal? DailyBudget = null)
{
    private const int MaxName = 100;
    private const int MaxModel = 200;
    private const int MaxModels = 100;
    private const decimal MaxMoney = 1_000_000;

    public Dictionary<string, string[]> Validate(DateTimeOffset now)
    {
        var errors = new Dictionary<string, string[]>();
        if (Name.Trim().Length is 0 or > MaxName || Name.Any(char.IsControl))
        {
            errors["name"] = [$"has 1 to {MaxName} characters on one line"];
        }

        if (Scopes is not null && (Scopes.Count == 0 || !Scopes.All(scope => scope is KeyScopes.Chat or KeyScopes.Models or KeyScopes.Api)))
        {
            errors["scopes"] = ["is a list of chat, models and api"];
        }

        if (Models is not null
            && (Models.Count is 0 or > MaxModels || Models.Any(model => model is null || model.Length is 0 or > MaxModel)))
        {
            errors["models"] = [$"is a list of 1 to {MaxModels} model ids"];
        }

        if (ExpiresAt <= now)
        {
            errors["expiresAt"] = ["is in the future"];
        }

        if (DailyBudget is <= 0 or > MaxMoney)
        {
            errors["dailyBudget"] = [$"is above 0 and at most {MaxMoney}"];
        }

        return errors;
    }
}

internal sealed record CreatedApiKey(long Id, string Name, string Key, string Prefix);

/// <param name="Address">The public address of the site, for programs elsewhere; null when the administrator has set none.</param>
internal sealed record ApiKeyPage(
    IReadOnlyList<ApiKeyResponse> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Address);

internal sealed record ApiKeyResponse(
    long Id,
    string Name,
    string Prefix,
    IReadOnlyList<string> Scopes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] IReadOnlyList<string>? Models,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? ExpiresAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] decimal? DailyBudget,
    decimal SpentToday,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? LastUsedAt,
    DateTimeOffset CreatedAt)
{
    public static ApiKeyResponse From(ApiKeyRow row) => new(
        row.Id,
        row.Name,
        row.Prefix,
        StoredJson.Read(row.Scopes, CatalogRowJson.Default.StringArray) ?? [],
        StoredJson.Read(row.Models, CatalogRowJson.Default.StringArray),
        Time(row.ExpiresAt),
        QuotaPolicy.Amount(row.DailyBudgetNanos),
        QuotaPolicy.Amount(row.SpentNanos)!.Value,
        Time(row.LastUsedAt),
        DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt));

    private static DateTimeOffset? Time(long? at) => at is { } ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;
}
