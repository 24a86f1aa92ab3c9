using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using AiChat.Data.Postgres;
using Npgsql;

namespace AiChat.Tests;

/// <summary>A test that needs PostgreSQL: skipped where Debian's package postgresql is missing.</summary>
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() =>
        Skip = PostgresServer.IsThere ? null : "Needs PostgreSQL (the package postgresql, or AICHAT_TEST_DATABASE_URL).";
}

/// <summary>As <see cref="PostgresFactAttribute"/>, with several cases.</summary>
internal sealed class PostgresTheoryAttribute : TheoryAttribute
{
    public PostgresTheoryAttribute() => Skip = new PostgresFactAttribute().Skip;
}

/// <summary>
/// PostgreSQL on a port and a folder of its own, in memory where that can be, begun with the first test that asks and ended with the
/// process. AICHAT_TEST_DATABASE_URL lets every server under test keep its data there: it names a server that runs already, by a user who
/// may create databases, or is "new". AICHAT_TEST_POSTGRES is the folder with the programs of another version than Debian's.
/// </summary>
internal static class PostgresServer
{
    private static readonly string? _asked =
        Environment.GetEnvironmentVariable("AICHAT_TEST_DATABASE_URL") is { Length: > 0 } url ? url : null;

    private static readonly string? _given = _asked == "new" ? null : _asked;
    private static readonly ConcurrentDictionary<string, Lazy<string>> _byFolder = new();

    private static readonly string? _programs =
        Environment.GetEnvironmentVariable("AICHAT_TEST_POSTGRES") is { Length: > 0 } folder ? folder
        : Directory.Exists("/usr/lib/postgresql") ? Directory.EnumerateDirectories("/usr/lib/postgresql")
            .Select(version => Path.Combine(version, "bin"))
            .Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Max(StringComparer.Ordinal) : null;

    private static readonly Lazy<Uri> _address = new(() => _given is null ? Start() : new Uri(_given));
    private static readonly Lazy<Uri> _pooled = new(() => PgBouncer.Start(_address.Value));
    private static int _databases;

    public static bool IsThere => _given is not null || _programs is not null;

    /// <summary>Whether a test can start one of its own.</summary>
    public static bool HasPrograms => _programs is not null;

    /// <summary>In memory where that can be.</summary>
    public static string Place => Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    /// <summary>The database of the server on this data folder, if servers under test are to use one.</summary>
    public static string? UrlFor(string dataDir) => DirectUrlFor(dataDir) is { } url && PgBouncer.IsAsked
        ? new UriBuilder(_pooled.Value) { Path = new Uri(url).AbsolutePath, Query = "pooler=transaction" }.Uri.AbsoluteUri
        : DirectUrlFor(dataDir);

    /// <summary>The same for the test itself, which no pooler is to be in the way of.</summary>
    public static string? DirectUrlFor(string dataDir) =>
        _asked is null ? null : _byFolder.GetOrAdd(dataDir, _ => new Lazy<string>(NewDatabaseUrl)).Value;

    /// <summary>Removes the database of a server that has ended: the suite uses hundreds, of ten megabytes each.</summary>
    public static void Drop(string dataDir)
    {
        if (_byFolder.TryRemove(dataDir, out var url))
        {
            using var connection = Open(_address.Value);
            Run(connection, $"drop database if exists {new Uri(url.Value).AbsolutePath.Trim('/')} with (force)");
        }
    }

    /// <summary>The URL of a new, empty database.</summary>
    public static string NewDatabaseUrl()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"aichat_{Environment.ProcessId}_{Interlocked.Increment(ref _databases)}");
        using var connection = Open(_address.Value);
        Run(connection, $"create database {name}");
        return new UriBuilder(_address.Value) { Path = name }.Uri.AbsoluteUri;
    }

    /// <summary>A connection to a new database of the newest schema.</summary>
    public static NpgsqlConnection NewDatabase()
    {
        var url = NewDatabaseUrl();
        using var servers = new PostgresServers(PostgresUrl.Parse(url, out _)!);
        PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch);
        return Connect(url);
    }

    public static NpgsqlConnection Connect(string url) => Open(new Uri(url));

    public static void Run(NpgsqlConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static NpgsqlConnection Open(Uri url)
    {
        var login = url.UserInfo.Split(':', 2);
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port > 0 ? url.Port : 5432,
            Database = url.AbsolutePath.Trim('/') is { Length: > 0 } name ? name : "postgres",
            Username = Uri.UnescapeDataString(login[0]),
            Password = login.Length > 1 ? Uri.UnescapeDataString(login[1]) : null,
            Pooling = false,
        }.ToString());
        connection.Open();
        return connection;
    }

    private static Uri Start()
    {
        var folder = Path.Combine(Place, $"aichat-postgres-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        if (Environment.UserName == "root")
        {
            Call("chown", "postgres", folder);
        }

        var data = Path.Combine(folder, "data");
        CallServer("initdb", "--pgdata", data, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username=postgres", "--no-sync");
        for (var attempt = 1; ; attempt++)
        {
            var port = TestPorts.Free();
            try
            {
                var options = $"-p {port} -h 127.0.0.1 -c unix_socket_directories= -c max_connections=900";
                CallServer("pg_ctl", "start", "--wait", "--pgdata", data, "--log", Path.Combine(folder, "log"), "--options", options);
                AppDomain.CurrentDomain.ProcessExit += (_, _) => End(folder, data);
                return new Uri($"postgres://postgres@127.0.0.1:{port}/postgres");
            }
            catch (Xunit.Sdk.XunitException) when (attempt < 5)
            {
                // Another test may have taken the port meanwhile.
            }
        }
    }

    /// <summary>
    /// At once and in a process of its own: this one is not waited for while it ends. Without the server's programs, which may go with
    /// whoever brought them.
    /// </summary>
    private static void End(string folder, string data)
    {
        var stop = $"p=$(head -n 1 {data}/postmaster.pid); kill -QUIT $p; while kill -0 $p; do sleep 0.1; done";
        Call("setsid", "--fork", "sh", "-c", $"{stop}; rm -rf {folder}");
    }

    internal static void CallServer(string program, params string[] arguments) =>
        CallAsPostgres(Path.Combine(_programs!, program), arguments);

    /// <summary>PostgreSQL and PgBouncer refuse to run as root.</summary>
    internal static void CallAsPostgres(string path, params string[] arguments)
    {
        if (Environment.UserName == "root")
        {
            Call("runuser", ["-u", "postgres", "--", path, .. arguments]);
        }
        else
        {
            Call(path, arguments);
        }
    }

    /// <summary>The output goes nowhere: the server that pg_ctl starts would hold a pipe open.</summary>
    internal static void Call(string program, params string[] arguments)
    {
        string[] shell = ["-c", "exec \"$@\" >/dev/null 2>&1", "sh", program, .. arguments];
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", shell) { WorkingDirectory = "/" })!;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }
}
