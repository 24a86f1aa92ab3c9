using AiChat.Endpoints.Variables;

namespace AiChat.Endpoints.Settings;

/// <summary>The environment variable that gives a setting's default.</summary>
internal sealed class SettingVariable : Variable
{
    private readonly SettingDefinition _setting;

    public SettingVariable(SettingDefinition setting, Words meaning)
        : base(setting.VariableName ?? Capitals(setting.Key), VariableSection.Settings)
    {
        _setting = setting;
        Meaning = meaning;
        OlderNames = setting.OlderVariables;
        IsSecret = setting.IsSecret;
        SettingKey = setting.Key;
    }

    public override Words Meaning { get; }

    public override Words DefaultText => _setting.DefaultWords ?? (_setting.Default is null or "" ? "–" : _setting.Show(_setting.Default));

    public override Words Form => _setting.Form;

    public override string? Broken(string text)
    {
        _setting.Parse(text, out var broken);
        return broken;
    }

    private static string Capitals(string key) =>
        string.Concat(key.Select(c => char.IsAsciiLetterUpper(c) ? $"_{c}" : char.ToUpperInvariant(c).ToString()));
}
