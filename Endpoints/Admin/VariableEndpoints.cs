using System.Text.Json.Nodes;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Endpoints.Admin;

/// <summary>What the environment sets and the page saved, and which of both holds.</summary>
internal static class VariableEndpoints
{
    public static void MapVariables(this RouteGroupBuilder api) => api.MapGet("/settings/variables", List).Allow(Access.Admin);

    private static VariablesResponse List(SystemSettings settings, ServerOptions options)
    {
        var overridden = settings.Given().Where(given => !given.Holds).Select(given => given.Setting.Key).ToHashSet();
        return new VariablesResponse([.. VariableTable.All.Select(variable => Describe(variable, settings, options.Values, overridden))]);
    }

    private static VariableItem Describe(
        Variable variable, SystemSettings settings, EnvironmentValues values, HashSet<string> overridden)
    {
        var given = values.FindFile(variable) ?? values.Find(variable);
        var setting = variable.SettingKey is { } key ? SettingTable.ByKey[key] : null;
        var isSaved = setting is not null && settings.IsSaved(setting.Key);
        var value = variable.IsSecret ? null
            : setting is null ? JsonValue.Create(given is null ? null : variable.Shown(given.Text))
            : settings.Value(setting.Key) is { } effective ? setting.ToJson(effective) : null;
        var source = isSaved ? "saved" : given is null ? "default" : given.File is null ? "environment" : "file";
        return new VariableItem(
            variable.Name, setting?.Key, value, variable.DefaultText.English, source, given?.Name, given?.File,
            variable.IsSecret, given is not null || isSaved, setting is not null && overridden.Contains(setting.Key));
    }
}

internal sealed record VariablesResponse(IReadOnlyList<VariableItem> Items);

/// <param name="Name">Of the variable.</param>
/// <param name="Key">Of the setting on the page whose default it gives; null for what only the environment sets.</param>
/// <param name="Value">What holds; null for secrets, and where the default in words holds.</param>
/// <param name="Source">saved (on the page), environment, file or default.</param>
/// <param name="Given">The name under which the variable is set, which may be an older one; null when it is not.</param>
/// <param name="File">The file of variables in which it is set; null for the environment.</param>
/// <param name="Secret">Its value is never told.</param>
/// <param name="Set">It has a value other than the default.</param>
/// <param name="Overridden">The variable is set, and another value that was saved on the page holds.</param>
internal sealed record VariableItem(
    string Name, string? Key, JsonNode? Value, string Default, string Source, string? Given, string? File, bool Secret, bool Set,
    bool Overridden);
