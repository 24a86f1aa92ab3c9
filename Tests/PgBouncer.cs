using System.Globalization;

namespace AiChat.Tests;

/// <summary>
/// PgBouncer in transaction mode before a PostgreSQL server and all its databases, ended with the process. AICHAT_TEST_POOLER lets every
/// server under test reach its database through it.
/// </summary>
internal static class PgBouncer
{
    public static bool IsAsked { get; } = Environment.GetEnvironmentVariable("AICHAT_TEST_POOLER") is { Length: > 0 };

    /// <param name="server">With a user and a password, if it has one.</param>
    /// <returns>Its address, without a database.</returns>
    public static Uri Start(Uri server)
    {
        var folder = Directory.CreateTempSubdirectory("aichat-pgbouncer-").FullName;
        var login = server.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString).ToArray();
        var password = login.Length > 1 ? $" password={login[1]}" : "";
        var port = TestPorts.Free();
        File.WriteAllText(Path.Combine(folder, "pgbouncer.ini"), string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            * = host={server.Host} port={(server.Port > 0 ? server.Port : 5432)} user={login[0]}{password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            max_client_conn = 4000
            server_idle_timeout = 5
            logfile = {folder}/log
            pidfile = {folder}/pid

            """));
        if (Environment.UserName == "root")
        {
            PostgresServer.Call("chown", "-R", "postgres", folder);
        }

        PostgresServer.CallAsPostgres("/usr/sbin/pgbouncer", "--daemon", Path.Combine(folder, "pgbouncer.ini"));
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
            PostgresServer.Call("sh", "-c", $"kill -KILL $(cat {folder}/pid); rm -rf {folder}");
        return new Uri($"postgres://{Uri.EscapeDataString(login[0])}@127.0.0.1:{port}");
    }
}
