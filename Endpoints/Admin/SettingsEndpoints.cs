using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiChat.Data.Store;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Admin;

/// <summary>Settings of the installation and facts about it.</summary>
internal static class SettingsEndpoints
{
    public static void MapSettings(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/settings");
        group.MapGet("/branding", Branding).Allow(Access.Public);
        group.MapGet("/app-info", AppInfo).Allow(Access.Public);
        group.MapGet("/system", GetSystem).Allow(Access.Any).OrOperator();
        group.MapPatch("/system", ChangeSystem).Allow(Access.Admin);
        group.MapPost("/web-search/test", TestSearch).Allow(Access.Admin);
    }

    private static BrandingResponse Branding(SystemSettings settings, SetupCode setup, AvatarLinks avatars) => new(
        settings.BrandText,
        avatars.Logo,
        avatars.Assistant,
        settings.RegistrationEnabled || setup.SetupRequired,
        setup.SetupRequired,
        setup.SetupRequired,
        settings.AnonymousDailyQuota > 0,
        settings.DefaultLocale,
        settings.AccentHue,
        settings.LoginNotice,
        settings.WelcomeText,
        settings.Suggestions,
        settings.ReasoningDefaultExpand,
        settings.ReasoningEnabled,
        settings.WebSearchEnabled);

    private static async Task<AppInfoResponse> AppInfo(
        CurrentUser? me, SystemSettings settings, Db db, StoreCheck check, Notices notices)
    {
        if (me is not { IsAdmin: true })
        {
            return new AppInfoResponse(settings.BrandText);
        }

        var store = await db.Read(DatabaseInfo.Read);
        var version =
            typeof(SettingsEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+');
        using var process = Process.GetCurrentProcess();
        return new AppInfoResponse(
            settings.BrandText, version?[0], version?.ElementAtOrDefault(1), store.Engine,
            new DateTimeOffset(process.StartTime).ToUniversalTime(), store.Bytes, check.Damage, notices.All);
    }

    private static JsonObject GetSystem(CurrentUser me, SystemSettings settings) => View(settings, me.IsAdmin);

    private static async Task<IResult> ChangeSystem(
        Dictionary<string, JsonElement> changes, CurrentUser me, SystemSettings settings)
    {
        if (changes.Keys.FirstOrDefault(key => !SettingTable.ByKey.ContainsKey(key)) is not null)
        {
            return Problems.BadRequest("There is no setting of that name.");
        }

        var errors = await settings.Change(changes, me.Caller);
        return errors.Count > 0 ? Problems.Invalid(errors) : TypedResults.Ok(View(settings, true));
    }

    /// <summary>Searches with the current configuration, whether search is switched on or not.</summary>
    private static async Task<IResult> TestSearch(SearchTestRequest body, WebSearch search, CancellationToken cancel)
    {
        var query = body.Query?.Trim() is { Length: > 0 } words ? words : "AiChat";
        if (query.Length > WebSearch.MaxQuery)
        {
            return Problems.Invalid("query", $"At most {WebSearch.MaxQuery} characters.");
        }

        try
        {
            var hits = await search.Search(query, WebSearch.MaxText, cancel);
            return TypedResults.Ok(new SearchTestResponse(
                true, null, null, [.. hits.Select((hit, at) => SearchResult.From(hit, at + 1))],
                ConnectionCheck.SearchSuccess(search.Endpoint())));
        }
        catch (ProviderException error)
        {
            return TypedResults.Ok(new SearchTestResponse(
                false, error.Failure.Code(), error.Detail, [], ConnectionCheck.SearchFailure(Target(search), error)));
        }
    }

    private static ProviderEndpoint? Target(WebSearch search)
    {
        try
        {
            return search.Endpoint();
        }
        catch (ProviderException)
        {
            return null; // the search failed for the same reason
        }
    }

    private static JsonObject View(SystemSettings settings, bool isAdmin)
    {
        var view = new JsonObject();
        foreach (var definition in SettingTable.All.Where(definition => isAdmin || definition.IsPublic))
        {
            var value = settings.Value(definition.Key);
            view[definition.Key] = definition == SettingTable.OutboundProxy ? definition.View(settings.OutboundProxy ?? "")
                : definition.IsSecret ? new JsonObject { ["set"] = value is not null }
                : value is null ? null : definition.ToJson(value);
        }

        return view;
    }
}

internal sealed record BrandingResponse(
    string BrandText, string? LogoUrl, string? AssistantAvatarUrl, bool RegistrationOpen, bool SetupRequired, bool SetupCodeRequired,
    bool GuestsAllowed, string? DefaultLocale, int AccentHue, string LoginNotice, string WelcomeText, string[] Suggestions,
    bool ReasoningOpen, bool ReasoningEnabled, bool WebSearchEnabled);

internal sealed record AppInfoResponse(
    string Name, string? Version = null, string? Commit = null, string? SqliteVersion = null, DateTimeOffset? StartedAt = null,
    long? DataBytes = null, string? Damage = null, IReadOnlyList<Notice>? Notices = null);

internal sealed record SearchTestRequest(string? Query = null);

/// <summary>The results, or why the search failed.</summary>
/// <param name="Report">How far the search came, as tests of connections say it.</param>
internal sealed record SearchTestResponse(
    bool Ok, string? Code, string? Detail, IReadOnlyList<SearchResult> Results, CheckReport? Report = null);
