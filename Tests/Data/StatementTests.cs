using System.Globalization;
using System.Text.RegularExpressions;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AiChat.Tests.Data;

/// <summary>Every statement of the program is one that each engine takes, on the newest schema.</summary>
public sealed partial class StatementTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-statements-");

    [Fact]
    public void SQLite_takes_every_statement()
    {
        using var chats = Open("app.db", "migrations/");
        using var traces = Open("traces.db", "trace-migrations/");

        var wrong = Statements.Shared
            .Select(one => (one, Error: Prepare(one.Of.Namespace == "AiChat.Data.Traces" ? traces : chats, one.Text)))
            .Where(tried => tried.Error is not null);

        Assert.Empty(wrong.Select(tried => $"{tried.one}\n{tried.Error}"));
        Assert.True(Statements.Shared.Count > 220, $"Only {Statements.Shared.Count} statements were found.");
        Assert.Contains("no such column", Prepare(chats, "select what_is_not_there from users"));
    }

    [PostgresFact]
    public void PostgreSQL_takes_every_statement()
    {
        using var connection = PostgresServer.NewDatabase();

        var wrong = Statements.Shared.Concat(Statements.In("AiChat.Data.Postgres."))
            .Select(one => (one, Error: Prepare(connection, one.Text))).Where(tried => tried.Error is not null);

        Assert.Empty(wrong.Select(tried => $"{tried.one}\n{tried.Error}"));
        Assert.Contains("does not exist", Prepare(connection, "select what_is_not_there from users"));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private SqliteConnection Open(string name, string migrations)
    {
        var path = Path.Combine(_folder.FullName, name);
        Migrator.Run(path, Migrator.Load(migrations));
        return SqliteConnections.OpenReader(path);
    }

    private static string? Prepare(SqliteConnection connection, string text)
    {
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = text;
            command.Prepare();
            return null;
        }
        catch (SqliteException error)
        {
            return error.Message;
        }
    }

    /// <summary>The types of its values are those that the server infers, as for a value that Npgsql sends without one.</summary>
    private static string? Prepare(NpgsqlConnection connection, string text)
    {
        var names = new List<string>();
        var numbered = Name().Replace(text, found =>
        {
            var name = found.Value.ToUpperInvariant();
            if (!names.Contains(name))
            {
                names.Add(name);
            }

            return string.Create(CultureInfo.InvariantCulture, $"${names.IndexOf(name) + 1}");
        });

        try
        {
            PostgresServer.Run(connection, $"prepare statement as {numbered}");
            PostgresServer.Run(connection, "deallocate statement");
            return null;
        }
        catch (PostgresException error)
        {
            return error.MessageText;
        }
    }

    [GeneratedRegex(@"@\w+")]
    private static partial Regex Name();
}
