using System.Text.RegularExpressions;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>No statement reads the whole of a table that grows with use, and what refers to a deleted row is found by an index.</summary>
public sealed partial class QueryPlanTests : IDisposable
{
    private static readonly string[] _growing =
    [
        "sessions", "messages", "runs", "run_chunks", "images", "usage_entries", "daily_usage", "logins", "audit", "imported_messages",
        "message_owners",
    ];

    /// <summary>Backups, restores and moves, which are about everything; what ends at the first rows; the number of all images.</summary>
    private static readonly string[] _meant =
    [
        "BackupContent: SCAN sessions USING COVERING INDEX sessions_by_user",
        "BackupContent: SCAN messages USING COVERING INDEX messages_by_parent",
        "BackupContent: SCAN images USING COVERING INDEX images_by_time",
        "Restore: SCAN logins",
        "AuditLog: SCAN audit",
        "UsageLimits: SCAN daily_usage USING COVERING INDEX daily_usage_by_day",
        "FileRows: SCAN images USING COVERING INDEX images_by_time",
        "FileRows: SCAN images USING COVERING INDEX images_by_file",
        "ImageStore: SCAN images USING COVERING INDEX images_by_time",
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-plans-");
    private readonly SqliteConnection _connection;

    public QueryPlanTests()
    {
        var path = Path.Combine(_folder.FullName, "app.db");
        Migrator.Run(path);
        _connection = SqliteConnections.OpenReader(path);
    }

    [Fact]
    public void No_statement_reads_all_of_a_table_that_grows()
    {
        var statements = Statements.Shared.Where(one => one.Of.Namespace != "AiChat.Data.Traces")
            .Concat(Statements.In("AiChat.Data.Sqlite.TextIndex")).Concat(Statements.In("AiChat.Data.Sqlite.TurnInsert")).ToList();

        var scans = statements
            .SelectMany(one => Scans(one.Text).Select(line => (Line: $"{one.Of.Name}: {line}", one.Text)))
            .Where(scan => !_meant.Contains(scan.Line)).Select(scan => $"{scan.Line}\n{scan.Text}").ToList();

        Assert.True(statements.Count > 200, $"Only {statements.Count} statements were found.");
        Assert.True(scans.Count == 0, string.Join("\n\n", scans));
        Assert.NotEmpty(Scans("select m.id from messages m where m.content = 'x'"));
    }

    [Fact]
    public void What_refers_to_a_row_is_found_by_an_index()
    {
        var keys = OldRows.List(_connection, """
            select t.name || '.' || f."from"
            from sqlite_schema t
            join pragma_foreign_key_list(t.name) f
            where t.type = 'table' and not exists (
                select 1
                from pragma_index_list(t.name) i
                join pragma_index_info(i.name) c on c.seqno = 0 and c.name = f."from"
                where i.partial = 0 or i.name = 'drafts_by_session')
            """);

        Assert.Empty(keys);
        Assert.NotEmpty(OldRows.List(_connection, "select 1 from sqlite_schema t join pragma_foreign_key_list(t.name) f limit 1"));
    }

    public void Dispose()
    {
        _connection.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>The lines of the plan that walk through all of such a table.</summary>
    private List<string> Scans(string sql)
    {
        var names = Name().Matches(sql).ToLookup(found => found.Groups[2].Value, found => found.Groups[1].Value);
        using var command = _connection.CreateCommand();
        command.CommandText = $"explain query plan {sql}";
        using var reader = command.ExecuteReader();
        var lines = new List<string>();
        while (reader.Read())
        {
            var line = reader.GetString(3);
            if (Scan().Match(line) is { Success: true } scan
                && names[scan.Groups[1].Value].Append(scan.Groups[1].Value).Any(_growing.Contains))
            {
                lines.Add(line);
            }
        }

        return lines;
    }

    [GeneratedRegex(@"\b(?:from|join|update|into)\s+(\w+)\s+(?:as\s+)?(\w+)")]
    private static partial Regex Name();

    [GeneratedRegex(@"\ASCAN (\w+)")]
    private static partial Regex Scan();
}
