using System.Reflection;
using System.Text.RegularExpressions;
using AiChat.Endpoints.Settings;

namespace AiChat.Tests;

/// <summary>The rules of the tree that no compiler checks. Each failure names the file and the line.</summary>
public sealed partial class ArchitectureTests
{
    private const int MaxLine = 140;

    internal static readonly string Root = Path.GetFullPath(
        typeof(ArchitectureTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "SourceRoot").Value!);

    /// <summary>Packages only. What a layer may use of the tree itself is judged by <c>FloorsTests</c>.</summary>
    [Theory]
    [InlineData("Data", @"\b(Microsoft\.AspNetCore|Microsoft\.Extensions\.Hosting)\b|\bHttpContext\b|\bStatusCodes\b")]
    [InlineData("Providers", @"\b(Microsoft\.AspNetCore|Microsoft\.Data|Dapper)\b|\bHttpContext\b")]
    [InlineData("Endpoints", @"\busing (Dapper|Microsoft\.Data)\b")]
    public void A_layer_uses_only_its_own_packages(string folder, string forbidden) => AssertNone(Sources(folder, "*.cs"), forbidden);

    [Fact]
    public void Endpoint_files_never_call_one_another()
    {
        var files = Sources("Endpoints", "*Endpoints.cs").ToList();
        var names = files.ConvertAll(file => Path.GetFileNameWithoutExtension(file));
        foreach (var file in files)
        {
            var others = names.Where(name => name != Path.GetFileNameWithoutExtension(file)).Select(Regex.Escape);
            AssertNone([file], $@"\b({string.Join('|', others)})\b");
        }
    }

    [Theory]
    [InlineData(@"\bHttpClient\b|\bSocketsHttpHandler\b", "")]
    [InlineData(
        @"\bnew (Socket|SslStream)\(",
        "Providers/Transport/ProviderDialer.cs Endpoints/Http/ControlSocket.cs Commands/HealthCheckCommand.cs")]
    [InlineData(@"\bTryAddWithoutValidation\b", "")]
    [InlineData(@"\bDateTime(Offset)?\.(Utc)?Now\b", "")]
    [InlineData(@"\bThread\.Sleep\b", "")]
    [InlineData(@"\bGC\.Collect\b", "Endpoints/Http/MemoryAtRest.cs")]
    [InlineData(@"^\s*#(region|pragma warning disable)\b", "Commands/Terminal.cs")]
    [InlineData(@"\bSuppressMessage\b|\bUnconditionalSuppressMessage\b", "")]
    public void Only_its_homes_use(string pattern, string homes) =>
        AssertNone(Product().Where(file => !homes.Split(' ').Contains(Relative(file))), pattern);

    /// <summary>What belongs to no request runs through <c>BackgroundWork</c>. The files named here guard their own callbacks.</summary>
    [Fact]
    public void Nothing_runs_in_the_background_unguarded()
    {
        string[] homes =
        [
            "Db.cs", "ConnectionPool.cs", "DbWriter.cs", "PostgresWriter.cs", "NodeLink.cs", "WriteQueue.cs", "Checkpointer.cs",
            "LongReads.cs", "TraceFile.cs", "BackgroundWork.cs", "IdleMemory.cs", "CallClock.cs", "ProviderHttp.cs", "ServiceManager.cs",
            "Watchdog.cs", "ProgressLines.cs",
        ];
        AssertNone(
            Product().Where(file => !homes.Contains(Path.GetFileName(file))),
            @"\.CreateTimer\(|\bnew (Periodic)?Timer\(|\bTask\.Run\(|\bnew Thread\(|\basync void\b|\.ContinueWith\(|QueueUserWorkItem|"
                + @"^\s*_ = (?!Close\()[\w.]+\(");
    }

    [Fact]
    public void Only_the_store_opens_the_database() => AssertNone(
        Product().Where(file => !Relative(file).StartsWith("Data/", StringComparison.Ordinal)), @"\bSqlite(Connection|Command)\b");

    [Fact]
    public void Sql_names_its_columns_and_is_not_pasted_together() =>
        AssertNone(Sources("Data", "*.cs"), @"\bselect \*|\bselect [a-z]+\.\*|\$+""""""\s*(select|insert|update|delete)\b");

    [Fact]
    public void The_page_makes_markup_in_one_place_only()
    {
        var files = Sources("ClientApp/src", "*.svelte").Concat(Sources("ClientApp/src", "*.ts")).ToList();
        // It writes no markup itself: it checks what the drawing library writes, in a frame with an opaque origin.
        var guard = files.Single(file => Relative(file) == "ClientApp/src/sandbox/harmless.ts");
        AssertNone(files.Except([guard]), @"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b|\beval\(|new Function\(");
        var raw = files.Where(file => Code(file).Contains("{@html", StringComparison.Ordinal)).Select(Relative).ToList();
        Assert.True(raw.Count <= 1, $"{{@html}} belongs to one file, but is in: {string.Join(", ", raw)}");
    }

    [Fact]
    public void Files_keep_to_their_caps()
    {
        // The dictionaries of texts are data with one line for each text.
        var page = Sources("ClientApp/src", "*.svelte").Concat(Sources("ClientApp/src", "*.ts"))
            .Where(file => !Relative(file).StartsWith("ClientApp/src/lib/i18n/", StringComparison.Ordinal));
        var over = Over(Product(), 400).Concat(Over(page, 300)).Concat(Over(Sources("Tests", "*.cs"), 500)).ToList();
        Assert.True(over.Count == 0, string.Join('\n', over));
    }

    [Fact]
    public void Lines_keep_to_their_cap()
    {
        var over =
            from file in Product().Concat(Sources("Tests", "*.cs"))
            from number in LongLines(File.ReadAllLines(file))
            select $"{Relative(file)}:{number}";
        Assert.True(!over.Any(), $"Lines have at most {MaxLine} characters:\n{string.Join('\n', over)}");
    }

    [Fact]
    public void Words_written_to_disk_may_grow_but_never_change()
    {
        var now = new Dictionary<string, HashSet<string>>();
        foreach (var file in Sources("Data/Migrations", "*.sql"))
        {
            foreach (Match check in WordCheck().Matches(File.ReadAllText(file)))
            {
                var words = Word().Matches(check.Groups[2].Value).Select(word => word.Groups[1].Value);
                now.TryAdd(check.Groups[1].Value, []);
                now[check.Groups[1].Value].UnionWith(words);
            }
        }

        foreach (var (column, words) in Persisted)
        {
            Assert.True(now.TryGetValue(column, out var current), $"no column {column} is checked any more");
            Assert.Empty(words.Except(current));
        }

        Assert.Empty(now.Keys.Except(Persisted.Keys));
    }

    [Fact]
    public void Every_setting_is_at_work_somewhere()
    {
        var table = Path.Combine(Root, "Endpoints/Settings/SettingTable.cs");
        var settings = Path.Combine(Root, "Endpoints/Settings/SystemSettings.cs");
        var typed = Code(settings);
        var users = string.Join('\n', Product().Where(file => file != settings && file != table).Select(Code));
        var handles = typeof(SettingTable).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.FieldType.IsAssignableTo(typeof(SettingDefinition)))
            .ToDictionary(field => (SettingDefinition)field.GetValue(null)!, field => field.Name);
        Assert.Equal(SettingTable.All.ToHashSet(), handles.Keys.ToHashSet());
        Assert.All(handles, handle => Assert.Equal(handle.Key.Key, char.ToLowerInvariant(handle.Value[0]) + handle.Value[1..]));
        var idle =
            from handle in handles.Values
            let property = Regex.Match(typed, $@"\bpublic [^\n]*?\b(\w+) =>[^;]*\bSettingTable\.{handle}\b").Groups[1].Value
            where property.Length == 0 || (!Regex.IsMatch(users, $@"\.{property}\b") && Regex.Count(typed, $@"(?<!\.)\b{property}\b") < 2)
            select handle;
        Assert.Empty(idle);
    }

    [Fact]
    public void Names_of_stream_events_are_what_clients_know()
    {
        var names = typeof(AiChat.Endpoints.Runs.ChatEvent).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!);
        string[] known = ["start", "delta", "reasoning", "tool", "usage", "quota", "title", "error", "done"];
        Assert.Empty(known.Except(names));
    }

    /// <summary>By column name, over all tables. Add a word when a migration adds it; never remove one.</summary>
    private static readonly Dictionary<string, string[]> Persisted = new()
    {
        ["role"] = ["ADMIN", "USER", "GUEST", "user", "assistant"],
        ["status"] = ["PENDING", "ACTIVE", "DISABLED", "streaming", "running", "done", "stopped", "interrupted", "failed"],
        ["state"] = ["running", "done", "failed"],
        ["kind"] = ["browser", "api", "send", "regenerate", "continue", "content", "reasoning", "tool"],
        ["provider"] = ["openai", "openai_responses", "azure_openai", "anthropic", "google_genai", "ollama", "demo"],
        ["auth_type"] = ["bearer", "api_key", "none", "entra"],
        ["title_source"] = ["default", "first_message", "model", "user"],
        ["usage_source"] = ["provider", "estimate"],
        ["source"] = ["provider", "estimate"],
    };

    private static IEnumerable<string> Product() =>
        new[] { "Commands", "Data", "Endpoints", "Providers" }.SelectMany(folder => Sources(folder, "*.cs"))
            .Concat(Directory.EnumerateFiles(Root, "*.cs"));

    private static IEnumerable<string> Sources(string folder, string pattern)
    {
        var path = Path.Combine(Root, folder);
        return Directory.Exists(path)
            ? Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            : [];
    }

    private static IEnumerable<string> Over(IEnumerable<string> files, int cap) =>
        from file in files
        let lines = File.ReadLines(file).Count()
        where lines > cap && !File.ReadLines(file).First().Contains("Long because", StringComparison.Ordinal)
        select $"{Relative(file)}: {lines} lines, cap {cap}";

    /// <summary>The numbers of the lines that are too long. JSON in a raw string does not count, because it cannot be broken.</summary>
    private static IEnumerable<int> LongLines(string[] lines)
    {
        var raw = false;
        for (var i = 0; i < lines.Length; i++)
        {
            var isData = raw && lines[i].TrimStart() is ['{' or '[' or '"', ..];
            if (!isData && JsonLiteral().Replace(lines[i], "").Length > MaxLine)
            {
                yield return i + 1;
            }

            raw ^= int.IsOddInteger(Regex.Count(lines[i], "\"{3}"));
        }
    }

    private static void AssertNone(IEnumerable<string> files, string pattern)
    {
        var expression = new Regex(pattern);
        var hits =
            from file in files
            from line in File.ReadLines(file).Select((text, index) => (Text: text, Number: index + 1))
            where !IsComment(line.Text) && expression.IsMatch(line.Text)
            select $"{Relative(file)}:{line.Number}: {line.Text.Trim()}";
        Assert.True(!hits.Any(), string.Join('\n', hits));
    }

    private static string Code(string file) => string.Join('\n', File.ReadLines(file).Where(line => !IsComment(line)));

    private static bool IsComment(string line) => line.TrimStart() is var text
        && (text.StartsWith("//", StringComparison.Ordinal) || text.StartsWith('*') || text.StartsWith("/*", StringComparison.Ordinal));

    private static string Relative(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    [GeneratedRegex(@"check \((\w+) in \(([^)]*)\)\)")]
    private static partial Regex WordCheck();

    [GeneratedRegex(@"""{3}\s*[\[{].*?""{3}")]
    private static partial Regex JsonLiteral();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Word();
}
