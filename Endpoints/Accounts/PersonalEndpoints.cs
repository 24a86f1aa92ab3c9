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

        return errors.Count > 0
            ? Problems.Invalid(errors)
            : TypedResults.Ok(View(await preferences.Patch(me.Id, Patch(form)), AvatarLinks.Find(me.Id, await avatars.Find(me.Id))));
    }

    private static string Patch(PersonalForm form)
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

        return patch.ToJsonString();
    }

    private static PersonalResponse View(string? text, string? avatarUrl)
    {
        var stored = StoredJson.Read(text, PreferenceJson.Default.StoredPreferences);
        return new PersonalResponse(
            stored?.Locale ?? "system", stored?.Theme ?? "system", stored?.PreferredModel, stored?.ContextEnabled ?? true, avatarUrl);
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
}

internal sealed record PersonalResponse(string Locale, string Theme, string? PreferredModel, bool ContextEnabled, string? AvatarUrl);

internal sealed record StoredPreferences(
    string? Locale = null, string? Theme = null, string? PreferredModel = null, bool? ContextEnabled = null);

/// <summary>Reads the preferences column and ignores unknown members.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(StoredPreferences))]
internal sealed partial class PreferenceJson : JsonSerializerContext;
