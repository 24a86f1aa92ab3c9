using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using AiChat.Data.Engine;
using AiChat.Data.Store;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using SQLitePCL;

namespace AiChat.Tests.Chat;

/// <summary>One message takes a fixed number of database statements, counted by SQLite itself, however long the chat is.</summary>
public sealed partial class StartCostTests
{
    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_message_takes_a_fixed_number_of_statements()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        for (var i = 0; i < 3; i++)
        {
            await Ask(admin, session); // statements are compiled and caches are filled
        }

        using var counted = new Statements(server.Services.GetRequiredService<Db>());
        var early = await counted.During(() => Ask(admin, session));
        for (var i = 0; i < 20; i++)
        {
            await Ask(admin, session);
        }

        var late = await counted.During(() => Ask(admin, session));
        Assert.Equal(early.Reads.Select(Beginning), late.Reads.Select(Beginning));
        Assert.Equal(early.Writes.Select(Beginning), late.Writes.Select(Beginning));
        AssertAtMost(3, late.Reads); // the session, the branch, its images
        AssertAtMost(9, late.Writes); // five for the start, four for the end

        // The first message of a chat reads only the session.
        var fresh = await admin.NewSession();
        AssertAtMost(1, (await counted.During(() => Ask(admin, fresh))).Reads);

        // Settings, logins, models and connections are in memory.
        Assert.DoesNotContain(late.Reads.Concat(late.Writes), sql => CachedTables().IsMatch(sql));
    }

    private static void AssertAtMost(int max, List<string> statements) =>
        Assert.True(statements.Count <= max, $"{statements.Count} statements:\n{string.Join("\n\n", statements)}");

    /// <summary>The beginning of a statement, without the values in it.</summary>
    private static string Beginning(string sql) => sql.Length > 20 ? sql[..20] : sql;

    [GeneratedRegex(@"\b(from|join) (settings|logins|connections|models|model_overrides)\b")]
    private static partial Regex CachedTables();

    /// <summary>
    /// Statements that are not counted: those of triggers, of the shared transaction around the work with the text index that it brings up
    /// to date, and of timers.
    /// </summary>
    [GeneratedRegex(
        @"\A(--|begin|commit|savepoint|release|pragma|insert into token_factors)|\bmessages_text(_\w+)?\b"
            + @"|\bfrom message_owners\b")]
    private static partial Regex NotCounted();

    private static async Task Ask(HttpClient client, long session)
    {
        await using var stream = await client.Ask(session, "go");
        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Json.Text("status"));
    }

    /// <summary>Records the statements of every connection of a store. It reads private fields that only this test needs.</summary>
    private sealed class Statements : IDisposable
    {
        private readonly Db _db;
        private readonly List<SqliteConnection> _connections;
        private readonly ConcurrentQueue<(bool Write, string Sql)> _seen = new();

        public Statements(Db db)
        {
            _db = db;
            var writer = Writer();
            _connections = [writer, .. Readers()];
            foreach (var connection in _connections)
            {
                var write = connection == writer;
                raw.sqlite3_trace(connection.Handle, (_, sql) => _seen.Enqueue((write, sql)), null);
            }
        }

        public async Task<(List<string> Reads, List<string> Writes)> During(Func<Task> work)
        {
            _seen.Clear();
            await work();
            Assert.Equal(_connections.Count, Readers().Count + 1); // no connection was opened that is not recorded
            return ([.. Seen(write: false)], [.. Seen(write: true)]);
        }

        public void Dispose() => _connections.ForEach(connection => raw.sqlite3_trace(connection.Handle, (delegate_trace)null!, null));

        private IEnumerable<string> Seen(bool write) =>
            _seen.Where(one => one.Write == write && !NotCounted().IsMatch(one.Sql)).Select(one => one.Sql);

        private SqliteConnection Writer() => (SqliteConnection)Field(Field(_db, "_writer"), "_connection");

        private List<SqliteConnection> Readers() =>
            [.. ((List<(Reader Connection, long Since)>)Field(Field(Field(_db, "_readers"), "_pool"), "_idle"))
                .Select(idle => (SqliteConnection)idle.Connection.Connection)];

        private static object Field(object of, string name) =>
            of.GetType().GetField(name, BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(of)!;
    }
}
