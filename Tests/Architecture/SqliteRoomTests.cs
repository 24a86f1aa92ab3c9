using System.Reflection;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Architecture;

/// <summary>
/// Code that works only with SQLite is in one room, so that another engine has one room to replace. A move between the engines has an end
/// of its own for each.
/// </summary>
public sealed partial class SqliteRoomTests
{
    private static readonly string Root = typeof(SqliteRoomTests).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "SourceRoot").Value!;

    [Fact]
    public void Only_the_sqlite_room_names_the_library()
    {
        var (inside, outside) = Lines("Commands", "Data", "Endpoints", "Providers");
        Assert.Contains(inside, line => Library().IsMatch(line));
        Assert.DoesNotContain(outside, line => Library().IsMatch(line));
    }

    [Fact]
    public void Only_the_sqlite_room_uses_pragmas_the_text_index_and_the_tables_of_sqlite()
    {
        var (inside, outside) = Lines("Data");
        Assert.Contains(inside, line => Dialect().IsMatch(line));
        Assert.DoesNotContain(outside, line => Dialect().IsMatch(line));
    }

    [Fact]
    public void Only_the_room_of_postgres_names_its_library() =>
        Assert.All(
            from folder in new[] { "Commands", "Data", "Endpoints", "Providers" }
            from path in Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            where File.ReadAllText(path).Contains("Npgsql", StringComparison.Ordinal)
            select Path.GetRelativePath(Root, path),
            file => Assert.True(
                file.StartsWith("Data/Postgres/", StringComparison.Ordinal) || file == "Data/Moves/PostgresMoveStore.cs", file));

    /// <summary>Other databases that speak PostgreSQL's protocol lack some of this, or have it in another form.</summary>
    [Theory]
    [InlineData(@"\bpg_(try_)?advisory_", "Data/Postgres/AdvisoryLock.cs")]
    [InlineData(@"""(listen|notify) |\bpg_notify\b", "Data/Postgres/Wakeup.cs")]
    [InlineData(@"\bcreate (or replace )?(constraint )?trigger\b",
        "Data/Postgres/Migrations/0001_initial.sql", "Data/Postgres/Migrations/0002_add_nodes.sql")]
    public void Advisory_locks_listening_and_triggers_of_postgres_have_one_place_each(string pattern, params string[] places) =>
        Assert.Equal(places, from folder in new[] { "Commands", "Data", "Endpoints", "Providers" }
                             from path in Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)
                             let file = Path.GetRelativePath(Root, path)
                             where Path.GetExtension(path) is ".cs" or ".sql" && !IsOfSqlite(file)
                                 && Regex.IsMatch(File.ReadAllText(path), pattern, RegexOptions.IgnoreCase)
                             orderby file
                             select file);

    private static bool IsOfSqlite(string file) =>
        file.StartsWith("Data/Migrations/", StringComparison.Ordinal) || file.StartsWith("Data/Sqlite/", StringComparison.Ordinal);

    /// <summary>The lines of the sources in the room and of those outside it, each with its file.</summary>
    private static (List<string> Inside, List<string> Outside) Lines(params string[] folders)
    {
        var lines =
            from folder in folders
            from path in Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            let file = Path.GetRelativePath(Root, path)
            from line in File.ReadLines(path)
            let isInside = file.StartsWith("Data/Sqlite/", StringComparison.Ordinal) || file == "Data/Moves/SqliteMoveStore.cs"
            select (IsInside: isInside, Text: $"{file}: {line.Trim()}");
        var sides = lines.ToLookup(line => line.IsInside, line => line.Text);
        return ([.. sides[true]], [.. sides[false]]);
    }

    [GeneratedRegex(@"\bMicrosoft\.Data\.Sqlite\b|\bSQLitePCL\b|\bSqlite(Connection|Command|Exception)\b")]
    private static partial Regex Library();

    [GeneratedRegex(@"\bpragma[ _]|\bvacuum\b|\bsqlite_|\browid\b|\bmatch @|\b(create|drop) trigger\b", RegexOptions.IgnoreCase)]
    private static partial Regex Dialect();
}
