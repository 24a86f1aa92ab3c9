using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>Opens connections to the database of a URL, of several hosts to the one that takes writes. Thread-safe.</summary>
internal sealed class PostgresServers(PostgresUrl url) : IDisposable
{
    /// <summary>Statements that one connection keeps prepared: more than the program has.</summary>
    private const int MaxPrepared = 300;

    /// <summary>
    /// Connections of one process at most: 16 that write, up to 12 that read, one that holds its claim, one that renews its row, one that
    /// hears of changes, and one that brings the text of the search up to date.
    /// </summary>
    public const int MaxConnections = 32;

    /// <summary>One that did nothing for so long is closed: others may need it.</summary>
    public static readonly TimeSpan KeepIdle = TimeSpan.FromMinutes(1);

    /// <summary>Why a connection is not used.</summary>
    public const string IsStandby = "The database server is a standby.";

    private readonly NpgsqlDataSource _source = Build(url);
    private PostgresConnection? _claim;
    private volatile string _bootId = Guid.NewGuid().ToString("N");
    private long _told;

    public PostgresUrl Url => url;

    /// <summary>The process as its rows name it.</summary>
    public string BootId => _bootId;

    /// <summary>How often this process has committed what others have to read again.</summary>
    public long Told => Interlocked.Read(ref _told);

    public void CountTold() => Interlocked.Increment(ref _told);

    /// <summary>The process was declared gone; what it begins from now on is another's.</summary>
    public void BeginAnew() => _bootId = Guid.NewGuid().ToString("N");

    /// <summary>A connection of its own.</summary>
    /// <param name="setting">What holds for it besides the limits that hold for all.</param>
    /// <exception cref="StoreException">The database cannot be reached now.</exception>
    /// <param name="commandLimit">A limit below that of other commands, in seconds.</param>
    public PostgresConnection Open(string setting, int? commandLimit = null)
    {
        NpgsqlConnection? connection = null;
        try
        {
            connection = _source.OpenConnection();
            if (!url.IsPooled) // else it would hold for whoever gets the connection next
            {
                using var command = connection.CreateCommand();

                // One address may lead to a standby while another server becomes the primary: that connection would stay there.
                command.CommandText = $"""
                    set statement_timeout = 10000;
                    set lock_timeout = 5000;
                    set idle_in_transaction_session_timeout = 30000;
                    set client_min_messages = notice;
                    set {setting};
                    select pg_is_in_recovery()
                    """;
                if (command.ExecuteScalar() is true)
                {
                    connection.Dispose();
                    throw new StoreException(StoreFailure.Unavailable, IsStandby);
                }
            }

            return new PostgresConnection(connection, this) { CommandLimit = commandLimit };
        }
        catch (Exception error) when (error is DbException or IOException or TimeoutException or SocketException) // no descriptor is left
        {
            connection?.Dispose();
            throw PostgresErrors.Translate(error) as StoreException
                ?? new StoreException(StoreFailure.Unavailable, "The database cannot be used now.", error);
        }
    }

    /// <summary>
    /// Keeps processes of a version away that would end what this one runs: they hold the same lock for themselves alone. Not behind a
    /// pooler, where nothing belongs to a process.
    /// </summary>
    /// <exception cref="StartupException">Such a process is there, or the database cannot be used.</exception>
    public void Claim() => Claim(alone: false);

    /// <summary>Keeps all other processes away. Not behind a pooler.</summary>
    /// <exception cref="StartupException">One is there, or the database cannot be used.</exception>
    public void ClaimAlone() => Claim(alone: true);

    private void Claim(bool alone)
    {
        if (!AdvisoryLock.CanClaim(url))
        {
            return;
        }

        try
        {
            // Waits for the limit of locks: the server may not have noticed yet that the process before has ended.
            _claim ??= Open("default_transaction_read_only = off");
            AdvisoryLock.Claim(_claim, alone);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new StartupException(
                StartupException.TemporaryFailure,
                alone ? $"A server uses the database at {url.Place}. Stop all of them first."
                    : $"The database at {url.Place} is in use by an AiChat that must be alone: one of an older version, or one that moves "
                        + "it (aichat migrate-store). Stop that one first.",
                error);
        }
        catch (Exception error) when (error is DbException or StoreException)
        {
            throw PostgresRefusal.Of(url, (error as StoreException)?.InnerException ?? error);
        }
    }

    public void Dispose()
    {
        _claim?.Dispose();
        _source.Dispose();
    }

    private static NpgsqlDataSource Build(PostgresUrl url)
    {
        var builder = new NpgsqlSlimDataSourceBuilder();
        builder.EnableTransportSecurity();
        var settings = builder.ConnectionStringBuilder;
        settings.Host = url.Hosts;
        settings.Database = url.Database;
        settings.Username = url.User;
        settings.Password = url.Password;
        settings.SslMode = url.SslMode switch
        {
            "disable" => SslMode.Disable,
            "allow" => SslMode.Allow,
            "require" => SslMode.Require,
            "verify-ca" => SslMode.VerifyCA,
            "verify-full" => SslMode.VerifyFull,
            _ => SslMode.Prefer,
        };
        settings.RootCertificate = url.RootCertificate;
        settings.ApplicationName = "aichat";
        settings.Timeout = 5;
        settings.CommandTimeout = 30; // above the server's own limit, for a server that answers nothing
        settings.CancellationTimeout = 2_000;
        settings.KeepAlive = 30;
        settings.GssEncryptionMode = GssEncryptionMode.Disable; // there is no Kerberos in the file, and asking takes a connection
        settings.HostRecheckSeconds = 0; // what a host was is no answer while another becomes the primary
        settings.Pooling = false; // each is kept by who opened it
        settings.MaxAutoPrepare = url.IsPooled ? 0 : MaxPrepared;
        settings.AutoPrepareMinUsages = 2;
        settings.NoResetOnClose = true;
        return url.Hosts.Contains(',', StringComparison.Ordinal)
            ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary) : builder.Build();
    }
}
