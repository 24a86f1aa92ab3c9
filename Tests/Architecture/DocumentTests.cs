using System.Reflection;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Architecture;

/// <summary>What the documents point at is there.</summary>
public sealed partial class DocumentTests
{
    private static readonly string Root = typeof(DocumentTests).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "SourceRoot").Value!;

    private static readonly string[] Names = ["README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md"];

    public static TheoryData<string> Documents => [.. Names];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_lead_to_files_and_headings_that_exist(string document)
    {
        var broken =
            from Match link in Link().Matches(Read(document))
            let target = link.Groups[1].Value
            where !target.Contains("://", StringComparison.Ordinal)
            let parts = target.Split('#')
            let file = parts[0].Length == 0 ? document : Path.Combine(Path.GetDirectoryName(document)!, parts[0])
            where !File.Exists(Path.Combine(Root, file)) || (parts.Length > 1 && !Anchors(Read(file)).Contains(parts[1]))
            select target;
        Assert.Empty(broken);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Scripts_and_files_of_deployment_that_are_named_exist(string document)
    {
        var named = Named().Matches(Read(document)).Select(match => match.Value).Distinct().ToList();
        Assert.DoesNotContain(named, path => !Path.Exists(Path.Combine(Root, path)));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Rows_of_a_table_have_the_cells_of_its_head(string document)
    {
        var cells = 0;
        foreach (var line in Read(document).Split('\n'))
        {
            var count = line.StartsWith('|') ? Separator().Count(line) : 0;
            Assert.True(cells == 0 || count == 0 || count == cells, $"{document}: {line}");
            cells = count;
        }
    }

    [Fact]
    public void Pictures_are_small_and_described()
    {
        foreach (var document in Names)
        {
            foreach (Match picture in Picture().Matches(Read(document)))
            {
                Assert.True(picture.Groups[1].Length > 0, $"{document}: {picture.Value} has no description");
                Assert.InRange(new FileInfo(Path.Combine(Root, picture.Groups[2].Value)).Length, 1, 150_000);
            }
        }
    }

    [Fact]
    public void Both_languages_show_the_same_commands_and_one_address()
    {
        var (english, chinese) = (Read("README.md"), Read("README.zh.md"));
        // The words in the commands differ, and what is only for one of the two.
        Assert.Equal(Fences(english), Fences(chinese));
        var addresses =
            from file in Directory.EnumerateFiles(Path.Combine(Root, "deploy"), "*.yaml").Concat(Directory.EnumerateFiles(Root))
            where file.EndsWith(".md", StringComparison.Ordinal) || file.EndsWith(".yaml", StringComparison.Ordinal)
            from Match address in Address().Matches(File.ReadAllText(file))
            select address.Groups[1].Value + address.Groups[2].Value;
        Assert.Single(addresses.Distinct());
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(Root, document));

    /// <summary>The languages of the code blocks, in order.</summary>
    private static IEnumerable<string> Fences(string text) => Fence().Matches(text).Select(match => match.Groups[1].Value);

    /// <summary>As the page of the repository makes them of headings: lower case, blanks are hyphens, signs are left out.</summary>
    private static HashSet<string> Anchors(string text) =>
        [.. Heading().Matches(text).Select(match => Sign().Replace(match.Groups[1].Value.ToLowerInvariant(), "").Replace(' ', '-'))];

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"!\[([^\]]*)\]\(([^)\s]+)\)")]
    private static partial Regex Picture();

    [GeneratedRegex(@"(?<![\w/.-])(scripts/[a-z-]+|deploy/[\w.-]*\w)(?![\w/*])")]
    private static partial Regex Named();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Separator();

    [GeneratedRegex(@"^#{1,6} (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Sign();

    [GeneratedRegex(@"^```(\w+)$", RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"ghcr\.io/([\w-]+/[\w-]+)|github\.com/([\w-]+/[\w-]+)/releases")]
    private static partial Regex Address();
}
