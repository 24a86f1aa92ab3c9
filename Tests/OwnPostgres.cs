using Npgsql;

namespace AiChat.Tests;

/// <summary>A test that starts a PostgreSQL of its own: skipped where Debian's package postgresql is missing.</summary>
internal sealed class OwnPostgresFactAttribute : FactAttribute
{
    public OwnPostgresFactAttribute() => Skip = PostgresServer.HasPrograms ? null : "Needs the package postgresql.";
}

/// <summary>
/// A PostgreSQL of one test, with the configuration that the test is about. It trusts postgres and asks others for a password.
/// </summary>
internal sealed class OwnPostgres : IDisposable
{
    private readonly string _data;
    private bool _isRunning;

    public OwnPostgres()
    {
        Folder = Path.Combine(PostgresServer.Place, $"aichat-own-postgres-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Folder);
        Own(Folder);
        _data = Path.Combine(Folder, "data");
        PostgresServer.CallServer(
            "initdb", "--pgdata", _data, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username=postgres", "--no-sync");
        Write("pg_hba.conf", """
            host all postgres 127.0.0.1/32 trust
            host replication postgres 127.0.0.1/32 trust
            host all all 127.0.0.1/32 scram-sha-256
            """);
    }

    /// <summary>A standby of another one.</summary>
    public OwnPostgres(OwnPostgres primary)
    {
        Folder = primary.Folder + "-standby";
        Directory.CreateDirectory(Folder);
        Own(Folder);
        _data = Path.Combine(Folder, "data");
        PostgresServer.CallServer(
            "pg_basebackup", "--host=127.0.0.1", $"--port={primary.Port}", "--username=postgres", $"--pgdata={_data}",
            "--write-recovery-conf", "--wal-method=stream", "--no-sync", "--checkpoint=fast");
    }

    public string Folder { get; }

    public int Port { get; private set; }

    /// <summary>Gives a folder or file to whom the server runs as.</summary>
    public static void Own(string path)
    {
        if (Environment.UserName == "root")
        {
            PostgresServer.Call("chown", "-R", "postgres", path);
        }
    }

    /// <summary>A file of the data folder.</summary>
    public void Write(string name, string text)
    {
        var path = Path.Combine(_data, name);
        File.WriteAllText(path, text + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Own(path);
    }

    /// <param name="settings">Options of the program, such as <c>-c max_connections=12</c>.</param>
    public void Start(string settings = "")
    {
        Port = TestPorts.Free();
        var options = $"-p {Port} -h 127.0.0.1 -c unix_socket_directories= -c fsync=on {settings}";
        PostgresServer.CallServer(
            "pg_ctl", "start", "--wait", "--pgdata", _data, "--log", Path.Combine(Folder, "log"), "--options", options);
        _isRunning = true;
    }

    public NpgsqlConnection Open(string database = "postgres") =>
        PostgresServer.Connect($"postgres://postgres@127.0.0.1:{Port}/{database}");

    /// <summary>Carries out statements as the administrator.</summary>
    public void Run(string database, params string[] statements)
    {
        using var connection = Open(database);
        foreach (var statement in statements)
        {
            PostgresServer.Run(connection, statement);
        }
    }

    public void Stop()
    {
        if (_isRunning)
        {
            _isRunning = false;
            PostgresServer.CallServer("pg_ctl", "stop", "--mode=immediate", "--pgdata", _data);
        }
    }

    public void Dispose()
    {
        Stop();
        Directory.Delete(Folder, recursive: true);
    }
}
