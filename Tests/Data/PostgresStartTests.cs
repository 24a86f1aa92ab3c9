using AiChat.Data;
using AiChat.Data.Postgres;
using Npgsql;

namespace AiChat.Tests.Data;

/// <summary>What would fail later, now and then, or begin anew beside what is there.</summary>
public sealed class PostgresStartTests
{
    [PostgresFact]
    public void Tables_in_another_schema_than_new_ones_would_be_are_not_left_behind()
    {
        var address = PostgresServer.NewDatabaseUrl();
        var url = PostgresUrl.Parse(address, out _)!;
        Judge(address);
        using (var servers = new PostgresServers(url))
        {
            PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch);
        }

        Judge(address);
        using var other = PostgresServer.Connect(address);
        PostgresServer.Run(other, $"create schema \"{url.User}\"");
        var refusal = Assert.Throws<StartupException>(() => Judge(address));
        Assert.Contains("has AiChat's tables in the schema public, and the search_path", refusal.Message);
        Assert.Contains("set search_path = \"public\"", refusal.Message);
        Wording.Check(refusal.Message);

        PostgresServer.Run(other, $"alter role \"{url.User}\" in database \"{url.Database}\" set search_path = \"public\"");
        Judge(address);
    }

    [PoolerFact]
    public async Task A_pooler_that_the_url_does_not_name_is_refused()
    {
        var direct = new Uri(PostgresServer.NewDatabaseUrl());
        var pooled = new UriBuilder(PgBouncer.Start(direct)) { Path = direct.AbsolutePath }.Uri.AbsoluteUri;
        await Eventually.Holds(() => Listens(pooled));

        var refusal = Assert.Throws<StartupException>(() => Judge(pooled));
        Assert.Equal(StartupException.Configuration, refusal.ExitCode);
        Assert.Contains("stands behind a pooler, such as PgBouncer: add ?pooler=transaction to the URL", refusal.Message);
        Wording.Check(refusal.Message);
        Judge(pooled + "?pooler=transaction");
        Judge(pooled + "?pooler=session");
        Judge(direct.AbsoluteUri);
        Assert.Contains("cannot be reached", Assert.Throws<StartupException>(() => Judge("postgres://ann@127.0.0.1:1/chat")).Message);
    }

    private static bool Listens(string address)
    {
        try
        {
            using var connection = PostgresServer.Connect(address);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private static void Judge(string text)
    {
        using var servers = new PostgresServers(PostgresUrl.Parse(text, out _)!);
        PostgresStart.Judge(servers);
    }
}

/// <summary>A test that starts PgBouncer: skipped where its package, or PostgreSQL, is missing.</summary>
internal sealed class PoolerFactAttribute : FactAttribute
{
    public PoolerFactAttribute() =>
        Skip = new PostgresFactAttribute().Skip ?? (File.Exists("/usr/sbin/pgbouncer") ? null : "Needs the package pgbouncer.");
}
