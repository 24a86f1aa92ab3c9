using System.Text;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>The text of .env.example: every variable with what it does, its values and its default, all commented out.</summary>
internal static class EnvironmentExample
{
    private const string Head = """
        # Every variable of AiChat. Copy this file to .env in the folder in which the server starts, or name it with --env-file, and
        # remove the number sign before what you set. What the environment sets wins over the file.
        #
        # NAME=value, one a line. A value with blanks or a number sign stands in quotation marks: '…' is taken as it is, in "…" \n, \t, \"
        # and \\ are escapes, and both may go over several lines. A dollar sign is a dollar sign: nothing is expanded.
        #
        # A secret may stand in a file instead, whose path NAME_FILE gives. A value saved on the page wins over its variable here.

        """;

    public static string Write()
    {
        var text = new StringBuilder(Head);
        foreach (var section in VariableTable.All.GroupBy(variable => variable.Section))
        {
            text.Append("\n# ---- ").Append(VariableTable.Heading(section.Key).English).Append(" ----\n");
            foreach (var variable in section)
            {
                text.Append("\n# ").Append(variable.Meaning.English).Append(".\n# Values: ").Append(variable.Form.English);
                if (variable.OlderNames.Count > 0)
                {
                    text.Append(". Also: ").AppendJoin(", ", variable.OlderNames);
                }

                text.Append(". Default: ").Append(variable.DefaultText.English).Append(".\n");
                text.Append('#').Append(variable.Name).Append('=').Append(Literal(variable)).Append('\n');
                if (variable.IsSecret)
                {
                    text.Append('#').Append(variable.Name).Append(EnvironmentValues.FileSuffix).Append("=\n");
                }
            }
        }

        return text.ToString();
    }

    /// <summary>The default as a value to type; empty where it is described in words.</summary>
    private static string Literal(Variable variable) =>
        variable.Broken(variable.DefaultText.English) is null && variable.DefaultText.English is var text
        && text == variable.DefaultText.Chinese && text is not "–" && !text.Contains('$') ? text : "";
}
