using System.Reflection;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Architecture;

/// <summary>Each promise of SECURITY.md names tests that exist.</summary>
public sealed partial class SecurityDocumentTests
{
    private static readonly string Root = typeof(SecurityDocumentTests).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "SourceRoot").Value!;

    private static readonly string Text = File.ReadAllText(Path.Combine(Root, "SECURITY.md"));

    [Fact]
    public void Every_promise_names_tests_that_exist()
    {
        var types = typeof(SecurityDocumentTests).Assembly.GetTypes().ToLookup(type => type.Name);
        var rows = Text[Text.IndexOf("| Promise |", StringComparison.Ordinal)..].Split('\n').Skip(2)
            .TakeWhile(line => line.StartsWith('|')).ToList();
        Assert.True(rows.Count > 20);
        foreach (var row in rows)
        {
            var (tests, files) = (NamedTest().Matches(row), NamedFile().Matches(row));
            Assert.True(tests.Count + files.Count > 0, $"No test: {row}");
            Assert.All(tests, test => Assert.True(
                types[test.Groups[1].Value].Any(type => IsTest(type.GetMethod(test.Groups[2].Value))), $"No such test: {test.Value}"));
            Assert.All(files, file => Assert.True(File.Exists(Path.Combine(Root, file.Groups[1].Value)), file.Value));
        }
    }

    private static bool IsTest(MethodInfo? method) => method?.GetCustomAttributes<FactAttribute>().Any() == true;

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex NamedTest();

    [GeneratedRegex(@"`(ClientApp/[\w./-]+\.test\.ts)`")]
    private static partial Regex NamedFile();
}
