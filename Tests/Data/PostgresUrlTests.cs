using AiChat.Data.Postgres;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Data;

/// <summary>Addresses of PostgreSQL as other programs, their examples and hosts of databases write them.</summary>
public sealed class PostgresUrlTests
{
    [Theory]
    [InlineData("postgres://ann:pw@db/chat", "db", "ann", "pw", "chat")]
    [InlineData("postgresql://ann:pw@db:6432/chat", "db:6432", "ann", "pw", "chat")]
    [InlineData("POSTGRES://ann:pw@db/chat?", "db", "ann", "pw", "chat")]
    [InlineData("postgresql+asyncpg://ann:pw@db/chat", "db", "ann", "pw", "chat")]
    [InlineData("postgresql+psycopg2://ann:pw@db/chat", "db", "ann", "pw", "chat")]
    [InlineData("postgres://ann:a%40b%3Ac%2Fd%23e%25f%3Fg@db/chat", "db", "ann", "a@b:c/d#e%f?g", "chat")]
    [InlineData("postgres://ann:a@b:c/d@db/chat", "db", "ann", "a@b:c/d", "chat")]
    [InlineData("postgres://ann:100%@db/chat", "db", "ann", "100%", "chat")]
    [InlineData("postgres://ann:%24%7BX%7D@db/chat", "db", "ann", "${X}", "chat")]
    [InlineData("postgres://ann@srv:pw@srv.example.com/chat?sslmode=require", "srv.example.com", "ann@srv", "pw", "chat")]
    [InlineData("postgres://ann.ref:pw@pool.example.com:6543/chat?pooler=transaction", "pool.example.com:6543", "ann.ref", "pw", "chat")]
    [InlineData("postgres://ann@[::1]:5433/chat", "[::1]:5433", "ann", null, "chat")]
    [InlineData("postgres://ann@a:1,b,[::1]:2/chat", "a:1,b,[::1]:2", "ann", null, "chat")]
    [InlineData("postgres://ann@/chat?host=/var/run/postgresql", "/var/run/postgresql", "ann", null, "chat")]
    [InlineData("postgres://ann@%2Fvar%2Frun%2Fpostgresql/chat", "/var/run/postgresql", "ann", null, "chat")]
    [InlineData("postgres://ann@%2frun%2Fpg:5432/chat", "/run/pg", "ann", null, "chat")]
    [InlineData("postgres://ann:pw@localhost/chat?host=/cloudsql/project:region:one", "/cloudsql/project:region:one", "ann", "pw", "chat")]
    public void What_others_write_is_read(string text, string hosts, string user, string? password, string database)
    {
        var url = DatabaseUrl.Read(text, out var broken).Server;
        Assert.Null(broken);
        Assert.Equal((hosts, user, password, database), (url!.Hosts, url.User, url.Password, url.Database));
    }

    [Theory]
    [InlineData("postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@db/chat", "name of a variable", "%24")]
    [InlineData("postgres://ann:$(CANARY)@db/chat", "name of a variable")]
    [InlineData("jdbc:postgresql://db:5432/chat?user=ann&password=CANARY", "postgres://user:password@host:5432/database")]
    [InlineData("host=db user=ann password=CANARY dbname=chat", "postgres://user:password@host:5432/database")]
    [InlineData("Host=db;Username=ann;Password=CANARY", "postgres://user:password@host:5432/database")]
    [InlineData("pgsql://ann:CANARY@db/chat", "postgres://user:password@host:5432/database")]
    [InlineData("prisma+postgres://db/?api_key=CANARY", "postgres://user:password@host:5432/database")]
    [InlineData("postgres://:@:5432/", "postgres://user:password@host:5432/database")]
    [InlineData("postgres://ann:CANARY@db:/chat", "postgres://user:password@host:5432/database")]
    [InlineData("postgres://ann:CANARY@db/chat?sslmode=no-verify", "require (encrypted, whatever the certificate)")]
    [InlineData("postgres://ann:CANARY@db/chat?sslmode=CANARY", "unknown value for sslmode: it is disable")]
    [InlineData("postgres://ann:CANARY@/chat?host=db", "folder of a socket")]
    [InlineData("postgres://ann@%2Frun%2Fpg:5433/chat", "another port than 5432")]
    [InlineData("postgres://ann:CANARY@db/chat?options=-csearch_path%3Dx", "(options)")]
    public void What_is_not_is_refused_with_what_to_write(string text, params string[] parts)
    {
        Assert.Null(DatabaseUrl.Read(text, out var broken).Server);
        Assert.All(parts, part => Assert.Contains(part, broken));
        Assert.DoesNotContain("CANARY", broken);
        Wording.Check(broken!);
    }

    [OwnPostgresFact]
    public void A_socket_is_connected_to()
    {
        using var server = new OwnPostgres();
        server.Write("pg_hba.conf", "local all all trust\nhost all postgres 127.0.0.1/32 trust");
        server.Start($"-c unix_socket_directories={server.Folder}");
        File.CreateSymbolicLink(Path.Combine(server.Folder, ".s.PGSQL.5432"), $".s.PGSQL.{server.Port}");
        server.Run("postgres", "create role ann login", "create database chat owner ann");
        using var servers = new PostgresServers(PostgresUrl.Parse($"postgres://ann@/chat?host={server.Folder}", out _)!);

        Assert.NotEmpty(PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch).InstallId);
    }
}
