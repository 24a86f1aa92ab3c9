using AiChat.Endpoints.Variables;

namespace AiChat.Endpoints.Settings;

/// <summary>Every environment variable that the server reads, in the order of the documents.</summary>
internal static class VariableTable
{
    public static readonly IReadOnlyList<Variable> All =
        [.. ServerVariables.All.OrderBy(variable => variable.Section), .. SettingTable.All.Select(definition => definition.Variable)];

    /// <summary>The heading of a section in the documents.</summary>
    public static Words Heading(VariableSection section) => section switch
    {
        VariableSection.Network => new("Network", "网络"),
        VariableSection.Data => new("Data", "数据"),
        VariableSection.Secrets => new("Secrets", "机密"),
        VariableSection.Browsers => new("Other sites", "其他站点"),
        VariableSection.Running => new("Running", "运行"),
        VariableSection.Settings => new("First values of the settings on the page", "页面上各项设置的初始值"),
    };
}
