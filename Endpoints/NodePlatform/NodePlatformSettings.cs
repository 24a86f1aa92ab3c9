using System.Text.Json;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>Takes over settings. One that was changed here, on the page or by a variable, stays.</summary>
internal sealed class NodePlatformSettings(SystemSettings settings, ServerOptions options)
{
    public async Task<Outcome[]> Take(SettingsRequest request, CurrentUser me)
    {
        var outcomes = new List<Outcome>();
        var changes = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (name, text) in request.Settings.OrderBy(setting => setting.Key, StringComparer.Ordinal))
        {
            var places = SettingMapping.Find(name, text, out var why);
            if (places.Length == 0)
            {
                outcomes.Add(new Outcome(name, "skipped", Why: why));
            }

            foreach (var setting in places)
            {
                outcomes.Add(Judge(name, setting, text, changes));
            }
        }

        if (request.DryRun || changes.Count == 0)
        {
            return [.. outcomes];
        }

        var errors = await settings.Change(changes, me.Caller);
        if (errors.Count > 0)
        {
            foreach (var key in errors.Keys)
            {
                changes.Remove(key);
            }

            await settings.Change(changes, me.Caller);
        }

        return [.. outcomes.Select(outcome => outcome.Name is { } key && errors.TryGetValue(key, out var broken)
            ? outcome with { State = "skipped", Why = string.Join(" ", broken) } : outcome)];
    }

    private Outcome Judge(string name, SettingDefinition setting, string text, Dictionary<string, JsonElement> changes)
    {
        if (setting.Parse(SettingMapping.Text(setting, text), out var broken) is not { } value || broken is not null)
        {
            return new Outcome(name, "skipped", Name: setting.Key, Why: broken is null ? "it has no value" : $"here it {broken}");
        }

        var same = !setting.IsSecret && setting.ToJson(value).ToJsonString() == Stored(setting);
        if (settings.IsSaved(setting.Key))
        {
            return setting.IsSecret || same
                ? new Outcome(name, "present", Name: setting.Key)
                : new Outcome(name, "skipped", Name: setting.Key, Why: "it was changed here");
        }

        if (options.SettingDefaults.ContainsKey(setting.Key) && !same)
        {
            return new Outcome(name, "skipped", Name: setting.Key, Why: $"{setting.Variable.Name} sets it here");
        }

        if (same)
        {
            return new Outcome(name, "present", Name: setting.Key);
        }

        changes[setting.Key] = JsonSerializer.SerializeToElement(setting.ToJson(value), NodePlatformJson.Wire.JsonNode);
        return new Outcome(name, "added", Name: setting.Key, Why: setting.IsSecret ? null : setting.Show(value));
    }

    private string? Stored(SettingDefinition setting) =>
        settings.Value(setting.Key) is { } value ? setting.ToJson(value).ToJsonString() : null;
}
