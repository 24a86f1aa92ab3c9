using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Accounts;

/// <summary>The user's preferences for the page, on every device.</summary>
internal static class PersonalEndpoints
{
    private const int MaxPinned = 20;

    public static void MapPersonal(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/settings/personal").Allow(Access.User);
        group.MapGet("", Get);
        group.MapPut("", Put);
    }

    private static async Task<PersonalResponse> Get(CurrentUser me, Preferences preferences, Avatars avatars) =>
        View(await preferences.Find(me.Id), AvatarLinks.Find(me.Id, await avatars.Find(me.Id)));

    private static async Task<IResult> Put(
        PersonalForm form, CurrentUser me, Preferences preferences, ModelCatalog catalog, Avatars avatars)
    {
        var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
        if (form.Locale.Value is not (null or "system" or "en" or "zh"))
        {
            errors["locale"] = ["The language is system, en or zh."];
        }

        if (form.Theme.Value is not (null or "system" or "light" or "dark"))
        {
            errors["theme"] = ["The theme is system, light or dark."];
        }

        if (form.PreferredModel.Value is { } model && catalog.Resolve(me.Id, me.IsAdmin, null, model) is null)
        {
            errors["preferredModel"] = ["There is no such model."];
        }

        if (form.Suggestions.Value is { } suggestions
            && (suggestions.Length > SettingTable.MaxSuggestions || suggestions.Any(one => SettingTable.Suggestion(one) is not null)))
        {
            errors["suggestions"] = [$"At most {SettingTable.MaxSuggestions} lines of at most 300 characters."];
        }

        if (form.PinnedPrompts.Value is { Length: > MaxPinned })
        {
            errors["pinnedPrompts"] = [$"At most {MaxPinned}."];
        }

        return errors.Count > 0
            ? Problems.Invalid(errors)
            : TypedResults.Ok(View(await preferences.Patch(me.Id, Patch(form)), AvatarLinks.Find(me.Id, await avatars.Find(me.Id))));
    }

    private static JsonObject Patch(PersonalForm form)
    {
        var patch = new JsonObject();
        if (form.Locale.IsSet)
        {
            patch["locale"] = form.Locale.Value;
        }

        if (form.Theme.IsSet)
        {
            patch["theme"] = form.Theme.Value;
        }

        if (form.PreferredModel.IsSet)
        {
            patch["preferredModel"] = form.PreferredModel.Value;
        }

        if (form.ContextEnabled.IsSet)
        {
            patch["contextEnabled"] = form.ContextEnabled.Value;
        }

        if (form.Suggestions.IsSet)
        {
            patch["suggestions"] = form.Suggestions.Value is { } lines ? new JsonArray([.. lines.Select(one => (JsonNode)one)]) : null;
        }

        if (form.PinnedPrompts.IsSet)
        {
            patch["pinnedPrompts"] = form.PinnedPrompts.Value is { } ids ? new JsonArray([.. ids.Select(one => (JsonNode)one)]) : null;
        }

        if (form.OwnMarkdown.IsSet)
        {
            patch["ownMarkdown"] = form.OwnMarkdown.Value;
        }

        return patch;
    }

    private static PersonalResponse View(string? text, string? avatarUrl)
    {
        var stored = StoredJson.Read(text, PreferenceJson.Default.StoredPreferences);
        return new PersonalResponse(
            stored?.Locale ?? "system", stored?.Theme ?? "system", stored?.PreferredModel, stored?.ContextEnabled ?? true, avatarUrl,
            stored?.Suggestions, stored?.PinnedPrompts ?? [], stored?.OwnMarkdown ?? false);
    }
}

/// <summary>Absent members keep their value; null restores the default.</summary>
internal sealed record PersonalForm
{
    public Optional<string> Locale { get; init; }

    public Optional<string> Theme { get; init; }

    /// <summary>A model's id in the catalogue.</summary>
    public Optional<string> PreferredModel { get; init; }

    public Optional<bool?> ContextEnabled { get; init; }

    /// <summary>Messages offered on an empty chat; none hides them, null restores the administrator's.</summary>
    public Optional<string[]?> Suggestions { get; init; }

    /// <summary>Ids of prompts offered on an empty chat, in order. Those of deleted prompts are ignored.</summary>
    public Optional<long[]?> PinnedPrompts { get; init; }

    /// <summary>Whether the user's own messages are drawn as Markdown.</summary>
    public Optional<bool?> OwnMarkdown { get; init; }
}

internal sealed record PersonalResponse(
    string Locale, string Theme, string? PreferredModel, bool ContextEnabled, string? AvatarUrl, string[]? Suggestions,
    long[] PinnedPrompts, bool OwnMarkdown);

internal sealed record StoredPreferences(
    string? Locale = null, string? Theme = null, string? PreferredModel = null, bool? ContextEnabled = null, string[]? Suggestions = null,
    long[]? PinnedPrompts = null, bool? OwnMarkdown = null);

/// <summary>Reads the preferences column and ignores unknown members.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(StoredPreferences))]
internal sealed partial class PreferenceJson : JsonSerializerContext;
