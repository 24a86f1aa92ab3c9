using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AiChat.Data;
using AiChat.Data.Postgres;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Data;

/// <summary>A start that cannot use its database says why in one line, with what to do and without the password.</summary>
public sealed class PostgresRefusalTests
{
    [OwnPostgresFact]
    public void Passwords_rights_and_limits()
    {
        using var server = new OwnPostgres();
        server.Start();
        server.Run(
            "postgres", "create role ann login password 'pw-CANARY'", "create role few login password 'pw-CANARY' connection limit 0",
            "create database chat owner ann", "create database foreign_rights", "create database taken owner ann",
            "create database old owner ann", "create database calm owner ann",
            "alter database old set search_path = older, pg_catalog, public",
            "alter database calm set default_transaction_read_only = on");
        server.Run("taken", "create table users (id bigint)");
        server.Run("old", "create schema older", "grant usage on schema older to ann", """
            create function older.current_setting(name text) returns text language sql as $$
                select case name when 'server_version_num' then '140022' else pg_catalog.current_setting(name) end
            $$
            """);
        var url = Url($"postgres://ann:pw-CANARY@127.0.0.1:{server.Port}/chat");

        Refused(78, url with { Password = "other-CANARY" }, "refuses the user ann or the password", "%25");
        Refused(78, url with { Password = null }, "asks for the password of ann");
        Refused(78, url with { User = "nobody" }, "refuses the user nobody");
        Refused(78, url with { Database = "missing" }, "create database \"missing\"");
        Refused(78, url with { Database = "foreign_rights" }, "make that user the owner");
        Refused(78, url with { Database = "taken" }, "what another program made", "users");
        Refused(78, url with { Database = "old" }, "is PostgreSQL 14; 15 or newer is needed");
        Refused(75, url with { User = "few" }, "no connection left", "max_connections");
        Refused(75, url with { Hosts = "127.0.0.1:1" }, "cannot be reached", "check host and port");
        Refused(75, url with { Hosts = "127.0.0.1:1,127.0.0.1:2" }, "one of the hosts must take writes");
        Refused(78, url with { SslMode = "require" }, "has no TLS", "sslmode=disable");
        Taken(url with { Database = "calm" }); // only what a session begins with is read-only
        Taken(url with { Hosts = $"127.0.0.1:1,127.0.0.1:{server.Port}" });
    }

    /// <summary>Where administrators keep schemas and extensions in ways of their own.</summary>
    [OwnPostgresFact]
    public void Schemas_and_extensions()
    {
        using var server = new OwnPostgres();
        server.Start();
        server.Run(
            "postgres", "create role ann login password 'pw-CANARY'", "create database elsewhere owner ann", "create database own",
            "create database nowhere owner ann", "create database functions owner ann",
            "alter database nowhere set search_path = missing", "alter role ann in database own set search_path = app");
        server.Run("elsewhere", "create schema extensions", "create extension pg_trgm schema extensions");
        server.Run("own", "create schema app authorization ann");
        server.Run("functions", "create function json_each(text) returns int language sql as 'select 1'");
        var url = Url($"postgres://ann:pw-CANARY@127.0.0.1:{server.Port}/own");

        Refused(78, url, "does not let ann create the extension pg_trgm", "let an administrator create extension pg_trgm");
        Refused(78, url with { Database = "elsewhere" }, "where ann does not look", "alter extension pg_trgm set schema public");
        Refused(78, url with { Database = "nowhere" }, "no schema for tables in the search_path of ann", "reset search_path");
        Refused(78, url with { Database = "functions" }, "what another program made", "json_each");
        server.Run("own", "create extension pg_trgm schema app");
        server.Run("elsewhere", "grant usage on schema extensions to ann", "alter database elsewhere set search_path = public, extensions");
        Taken(url);
        Taken(url with { Database = "elsewhere" });
    }

    [OwnPostgresFact]
    public void Certificates()
    {
        using var authority = TestCertificates.Authority("CN=right");
        using var other = TestCertificates.Authority("CN=other");
        using var certificate = TestCertificates.Signed("localhost", authority);
        using var server = new OwnPostgres();
        server.Write("server.crt", certificate.ExportCertificatePem());
        server.Write("server.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        server.Write("right.pem", authority.ExportCertificatePem());
        server.Write("other.pem", other.ExportCertificatePem());
        server.Write("rubbish.pem", "no certificate");
        server.Start("-c ssl=on");
        server.Run("postgres", "create role ann login password 'pw-CANARY'", "create database chat owner ann");
        string In(string name) => Path.Combine(server.Folder, "data", name);
        var url = Url($"postgres://ann:pw-CANARY@localhost:{server.Port}/chat?sslmode=verify-full&sslrootcert={In("right.pem")}");

        Refused(78, url with { RootCertificate = null }, "certificate", "sslmode=verify-full", "sslrootcert");
        Refused(78, url with { RootCertificate = In("other.pem") }, "certificate", "sslrootcert");
        Refused(78, url with { Hosts = $"127.0.0.1:{server.Port}" }, "certificate", "name the host");
        Refused(78, url with { RootCertificate = "/nowhere/ca.pem" }, "sslrootcert=/nowhere/ca.pem");
        Refused(78, url with { RootCertificate = In("rubbish.pem") }, "sslrootcert=");
        Taken(url);
        Taken(url with { Hosts = $"127.0.0.1:{server.Port}", SslMode = "verify-ca" });
        Taken(url with { SslMode = "require", RootCertificate = null });
    }

    [OwnPostgresFact]
    public void A_standby()
    {
        using var primary = new OwnPostgres();
        primary.Start();
        primary.Run("postgres", "create role ann login password 'pw-CANARY'", "create database chat owner ann");
        using var standby = new OwnPostgres(primary);
        standby.Start();
        var url = Url($"postgres://ann:pw-CANARY@127.0.0.1:{standby.Port}/chat");

        Refused(78, url, "is a standby", "name the primary");
        Taken(url with { Hosts = $"127.0.0.1:{standby.Port},127.0.0.1:{primary.Port}" });
    }

    /// <summary>What a server says while it starts or stops, or a pooler before one, is worth another start or not.</summary>
    [Theory]
    [InlineData("57P03", "the database system is starting up", 75, "is not ready")]
    [InlineData("57P01", "terminating connection due to administrator command", 75, "is not ready")]
    [InlineData("53100", "could not extend file", 75, "full disk")]
    [InlineData("53300", "sorry, too many clients already", 75, "no connection left")]
    [InlineData("53400", "limit", 75, "cannot be used now: limit")]
    [InlineData("08P01", "no such user: ann", 78, "refuses: no such user")]
    [InlineData("25P04", "terminating connection due to transaction timeout", 78, "set transaction_timeout = 0")]
    [InlineData("42P05", "prepared statement \"_auto0\" already exists", 78, "?pooler=transaction")]
    [InlineData("08006", "server closed the connection", 75, "cannot be used now")]
    [InlineData("28000", "no pg_hba.conf entry for host, no encryption", 78, "no encryption")]
    [InlineData("0A000", "extension \"pg_trgm\" is not available", 78, "contrib")]
    public async Task What_it_answers(string state, string message, int code, string part)
    {
        await using var server = new LoopbackListener((socket, end) => Answer(socket, state, message, end));
        Refused(code, Url($"postgres://ann:pw-CANARY@127.0.0.1:{server.Port}/chat?sslmode=disable"), part);
    }

    [Theory]
    [InlineData("?sslmode=on", "unknown value for sslmode")]
    [InlineData("?connect_timeout=10", "(connect_timeout): take it away; known are sslmode, sslrootcert, pooler")]
    [InlineData("?listen=maybe", "unknown value for listen")]
    [InlineData("?advisory_locks=", "unknown value for advisory_locks")]
    [InlineData("?sslmode=require&channel_binding=require", "(channel_binding)")]
    [InlineData("?pgbouncer=true", "(pgbouncer)")]
    [InlineData("?CANARY@host/db", "means nothing here: take it away")]
    [InlineData("/more", "is postgres://user:password@host")]
    public void A_url_with_what_means_nothing_here(string rest, string part)
    {
        Assert.Null(DatabaseUrl.Read("postgres://ann:pw-CANARY@a/chat" + rest, out var broken).Server);
        Assert.Contains(part, broken);
        Assert.DoesNotContain("CANARY", broken);
    }

    private static PostgresUrl Url(string text) => PostgresUrl.Parse(text, out _)!;

    private static void Refused(int code, PostgresUrl url, params string[] parts)
    {
        using var servers = new PostgresServers(url);
        var refusal = Assert.Throws<StartupException>(() => PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch));
        Assert.All(parts, part => Assert.Contains(part, refusal.Message));
        Assert.Equal((code, parts[0]), (refusal.ExitCode, parts[0]));
        Assert.DoesNotContain("CANARY", refusal.ToString());
        Assert.DoesNotContain("\n", refusal.Message);
        Wording.Check(refusal.Message);
    }

    private static void Taken(PostgresUrl url)
    {
        using var servers = new PostgresServers(url);
        Assert.NotEmpty(PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch).InstallId);
    }

    /// <summary>The error that ends a connection, as PostgreSQL's protocol has it.</summary>
    private static async Task Answer(Socket socket, string state, string message, CancellationToken end)
    {
        using (socket)
        {
            await socket.ReceiveAsync(new byte[4_096], end);
            var fields = Encoding.UTF8.GetBytes($"SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
            var reply = new byte[5 + fields.Length];
            reply[0] = (byte)'E';
            BinaryPrimitives.WriteInt32BigEndian(reply.AsSpan(1), 4 + fields.Length);
            fields.CopyTo(reply, 5);
            await socket.SendAsync(reply, end);
        }
    }
}
