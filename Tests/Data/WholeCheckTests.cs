using System.Net;
using AiChat.Data;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>The check of the whole database beside the running server, and the consequences of damage.</summary>
public sealed class WholeCheckTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-check-");

    private string FilePath => Path.Combine(_folder.FullName, "app.db");

    [Fact]
    public void A_sound_database_is_found_sound_with_its_text_index()
    {
        Migrator.Run(FilePath);
        Fill();

        Assert.Null(WholeCheck.Run(FilePath, CancellationToken.None));
    }

    [Fact]
    public void The_check_ends_with_the_server()
    {
        Migrator.Run(FilePath);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();

        Assert.Throws<OperationCanceledException>(() => WholeCheck.Run(FilePath, stopped.Token));
    }

    [Fact]
    [Trait("Store", "File")]
    public async Task Damage_in_a_large_database_is_told_by_the_health_of_settings_and_to_administrators()
    {
        Migrator.Run(FilePath);
        Fill();
        Damage();
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder.FullName });
        var admin = await server.RegisterAdminAsync();

        using var patience = new CancellationTokenSource(Limit);
        HttpResponseMessage ready;
        while ((ready = await admin.GetAsync("/api/settings/health", patience.Token)).IsSuccessStatusCode)
        {
            await Task.Delay(100, patience.Token); // no event tells a client that the check has ended
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Contains("\"damaged\"", await ready.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await admin.GetAsync("/api/health")).StatusCode);
        var told = await admin.GetJson("/api/settings/app-info");
        Assert.Contains("filler", told.GetProperty("damage").GetString());
        Assert.Contains(
            told.GetProperty("notices").EnumerateArray(),
            notice => notice.GetProperty("kind").ValueEquals("database_damaged") && notice.GetProperty("subject").ValueEquals(FilePath));
        Assert.False((await server.Client().GetJson("/api/settings/app-info")).TryGetProperty("damage", out _));
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public void Small_damage_stops_the_start_as_before()
    {
        Migrator.Run(FilePath);
        Fill(rows: 100);
        Damage();

        Assert.Throws<StartupException>(() => Migrator.Run(FilePath));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Adds more data than is checked before a start, in a table that the server does not read.</summary>
    private void Fill(int rows = 1500)
    {
        Sql("create table filler (id integer primary key, text text) strict");
        Sql($"""
            with recursive n (i) as (select 1 union all select i + 1 from n where i < {rows})
            insert into filler (text) select hex(randomblob(2000)) from n
            """);
        Sql("pragma wal_checkpoint(truncate)");
    }

    /// <summary>Damages pages of the table that holds most of the file.</summary>
    private void Damage()
    {
        var bytes = File.ReadAllBytes(FilePath);
        for (var page = bytes.Length - (20 * 4096); page < bytes.Length; page += 4096)
        {
            Random.Shared.NextBytes(bytes.AsSpan(page, 400));
        }

        File.WriteAllBytes(FilePath, bytes);
    }

    private void Sql(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={FilePath};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
