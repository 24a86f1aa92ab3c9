using System.Text;
using AiChat.Commands;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Architecture;

/// <summary>
/// What the documents say of variables is what the table in the code says. UPDATE_DOCUMENTS=1 writes them anew.
/// </summary>
public sealed class VariableDocumentsTests
{
    private const string Begin = "<!-- variables: made from the code, see VariableDocumentsTests -->";
    private const string End = "<!-- /variables -->";

    [Theory]
    [InlineData("README.md")]
    [InlineData("README.zh.md")]
    public void The_readme_holds_the_whole_table(string name)
    {
        var text = File.ReadAllText(PathOf(name));
        var from = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var to = text.IndexOf(End, StringComparison.Ordinal);
        Assert.True(from >= Begin.Length && to >= from, $"{name} lacks the marks of the table of variables");
        Compare(name, $"{text[..from]}\n{Table(name.Contains("zh"))}{text[to..]}");
    }

    [Fact]
    public void The_example_of_an_env_file_holds_every_variable() => Compare(".env.example", EnvironmentExample.Write());

    [Fact]
    public void Every_row_says_what_it_does_in_both_languages()
    {
        Assert.All(VariableTable.All, variable =>
        {
            Assert.Matches("^[A-Z][A-Z0-9_]+$", variable.Name);
            Assert.Matches("^[A-Z][^|\n]{8,140}[^.|\n]$", variable.Meaning.English);
            Assert.Matches(@"^[^|\n]*\p{IsCJKUnifiedIdeographs}[^|\n]*[^。|\n]$", variable.Meaning.Chinese);
            Assert.DoesNotContain('|', $"{variable.Form} {variable.DefaultText}");
        });
        var names = VariableTable.All.SelectMany(variable => variable.Names).ToList();
        Assert.Equal(names.Count, names.Distinct().Count());
    }

    private static string Table(bool isChinese)
    {
        string Say(Words words) => isChinese ? words.Chinese : words.English;
        var text = new StringBuilder();
        foreach (var section in VariableTable.All.GroupBy(variable => variable.Section))
        {
            var heading = Say(VariableTable.Heading(section.Key));
            var folds = section.Key == VariableSection.Settings; // sixty rows
            text.Append(folds ? $"\n<details><summary>{heading}</summary>\n\n" : $"\n**{heading}**\n\n");
            text.Append(isChinese ? "| 变量 | 默认值 | 取值 | 含义 |" : "| Variable | Default | Values | Meaning |")
                .Append("\n|---|---|---|---|\n");
            foreach (var variable in section)
            {
                var names = string.Join(", ", variable.Names.Select(name => $"`{name}`"));
                text.Append($"| {names} | {Say(variable.DefaultText)} | {Say(variable.Form)} | {Say(variable.Meaning)} |\n");
            }

            text.Append(folds ? "\n</details>\n" : "");
        }

        return text.Append('\n').ToString();
    }

    private static void Compare(string name, string expected)
    {
        var path = PathOf(name);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCUMENTS") == "1")
        {
            File.WriteAllText(path, expected);
        }

        Assert.True(
            File.ReadAllText(path) == expected,
            $"{name} is not what the table of variables says: UPDATE_DOCUMENTS=1 dotnet test --filter VariableDocumentsTests");
    }

    private static string PathOf(string name) => Path.Combine(ArchitectureTests.Root, name);
}
