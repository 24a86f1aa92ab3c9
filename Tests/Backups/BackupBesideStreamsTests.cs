using System.Diagnostics;
using System.Globalization;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Backups;

/// <summary>
/// A backup while answers are written: they come as evenly as without it, and it takes next to no memory. The long form, with 100 streams
/// and 1 GB, is <c>scripts/bench backup</c>.
/// </summary>
[Trait("Store", "File")]
public sealed class BackupBesideStreamsTests
{
    private const int Streams = 20, Pieces = 60, Megabytes = 64;
    private const long MaxGrowth = 20L << 20;

    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(40);

    [NativeFact]
    public async Task A_backup_neither_slows_answers_down_nor_takes_memory()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            for (var piece = 0; piece < Pieces; piece++)
            {
                await OpenAiScript.Piece(exchange, $"{Stopwatch.GetTimestamp()} ");
                await Task.Delay(Gap); // the pace of a model
            }

            await OpenAiScript.Finish(exchange, Pieces);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await UsageLimitTests.Set(admin, new { maxRunsPerUser = 0, requestsPerMinute = 0 });
        var connection = await admin.ConnectWithKeys(upstream);
        await server.StopAsync();
        Fill(Path.Combine(server.DataDir, "app.db"));
        await server.RestartAsync();

        var alone = await Follow(admin, connection, []);
        var before = server.ResetPeak()!.Value;
        var beside = await Follow(admin, connection, [admin.MakeBackup()]);

        Assert.InRange(server.GrownSince(before), 0, MaxGrowth);
        var (usual, found) = (Late(alone), Late(beside));
        Assert.True(found <= (2 * usual) + Gap, $"99 of 100 took {usual.TotalMilliseconds} ms, beside it {found.TotalMilliseconds} ms");
    }

    /// <summary>A table of nobody's, so that nothing but its size counts.</summary>
    private static void Fill(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"""
            create table ballast (content blob) strict;
            with recursive n (i) as (select 1 union all select i + 1 from n where i < {Megabytes * 16})
            insert into ballast (content) select randomblob(65536) from n;
            """;
        command.ExecuteNonQuery();
    }

    /// <summary>Follows all answers to their ends, and waits for what runs beside them.</summary>
    /// <returns>How long each piece took from the provider to the reader.</returns>
    private static async Task<List<TimeSpan>> Follow(HttpClient admin, long connection, IEnumerable<Task> beside)
    {
        var each = await Task.WhenAll(Enumerable.Range(0, Streams).Select(async _ =>
        {
            var session = await admin.NewSession(connection);
            await using var stream = await admin.Ask(session, "Go on");
            List<TimeSpan> taken = [];
            await foreach (var next in stream.Events())
            {
                if (next.Event == "delta")
                {
                    var now = Stopwatch.GetTimestamp();
                    var sent = next.Json.Text("text")!.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                    taken.AddRange(sent.Select(time => Stopwatch.GetElapsedTime(long.Parse(time, CultureInfo.InvariantCulture), now)));
                }
            }

            return taken;
        }));
        await Task.WhenAll(beside);
        return [.. each.SelectMany(taken => taken)];
    }

    private static TimeSpan Late(List<TimeSpan> taken)
    {
        Assert.Equal(Streams * Pieces, taken.Count);
        return taken.Order().ElementAt(taken.Count * 99 / 100);
    }
}
