using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>Says in one line why a start cannot use the database, and what to do.</summary>
internal static class PostgresRefusal
{
    public static StartupException Of(PostgresUrl url, Exception error)
    {
        var (code, what) = Chain(error).OfType<PostgresException>().FirstOrDefault() is { } answer ? Answered(url, answer)
            : Unreached(url, [.. Chain(error)]);
        return new StartupException(code, $"The database server at {url.Place} {what}.", error);
    }

    private static (int Code, string What) Answered(PostgresUrl url, PostgresException answer) => answer.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword => Wrong(
            $"refuses the user {url.User} or the password: check both in the URL, where characters such as % or / of a password are "
            + "written as %25 or %2F"),
        PostgresErrorCodes.InvalidAuthorizationSpecification => Wrong(
            $"refuses the user {url.User} ({answer.MessageText}): check the user, sslmode in the URL, and pg_hba.conf there"),
        PostgresErrorCodes.InvalidCatalogName => Wrong(
            $"does not have it: create database \"{url.Database}\" with encoding 'UTF8' template template0"),
        PostgresErrorCodes.InsufficientPrivilege when answer.MessageText.Contains("pg_trgm", StringComparison.Ordinal) => Wrong(
            $"does not let {url.User} create the extension pg_trgm: make that user the owner of the database, or let an administrator "
            + "create extension pg_trgm there"),
        PostgresErrorCodes.InsufficientPrivilege => Wrong(
            $"does not let {url.User} create tables ({answer.MessageText}): make that user the owner of the database"),
        PostgresErrorCodes.UndefinedObject when answer.MessageText.Contains("gin_trgm_ops", StringComparison.Ordinal) => Wrong(
            $"has the extension pg_trgm in a schema where {url.User} does not look: alter extension pg_trgm set schema public, or add its "
            + $"schema by alter role \"{url.User}\" in database \"{url.Database}\" set search_path"),
        PostgresErrorCodes.InvalidSchemaName => Wrong(
            $"has no schema for tables in the search_path of {url.User} ({answer.MessageText}): create that schema, or reset search_path "
            + "of the user and of the database"),
        PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DuplicateFunction or PostgresErrorCodes.DuplicateObject => Wrong(
            $"holds what another program made ({answer.MessageText}): give AiChat a database of its own"),
        PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.FeatureNotSupported =>
            Wrong("lacks the extension pg_trgm: install PostgreSQL's contrib package"),
        PostgresErrorCodes.TooManyConnections => Later(
            $"has no connection left ({answer.MessageText}): raise max_connections there, or the limit of the user; each server of AiChat "
            + $"takes up to {PostgresServers.MaxConnections}"),
        PostgresErrorCodes.DiskFull => Later("has a full disk: make room there"),
        PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown =>
            Later($"is not ready ({answer.MessageText}): start again when it is"),
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            Later("takes no writes now: name the primary, or all hosts; a server may also be read-only for lack of room"),
        PostgresErrorCodes.LockNotAvailable =>
            Later("is in use: a backup (pg_dump) holds a table that this version changes, or another server changes it now"),
        PostgresErrors.TransactionTimeout => Wrong(
            $"ends transactions too early ({answer.MessageText}): alter role \"{url.User}\" set transaction_timeout = 0, and for the "
            + "database if it is set there"),
        PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName => Wrong(PostgresStart.UnnamedPooler),
        PostgresErrorCodes.ProtocolViolation => Wrong($"refuses: {answer.MessageText}"), // a pooler's word for many things
        ['0', '8', ..] or ['4', '0', ..] or ['5', '3', ..] or ['5', '5', ..] or ['5', '7', ..] or ['5', '8', ..] or ['X', 'X', ..] =>
            Later($"cannot be used now: {answer.MessageText}"),
        _ => Wrong($"refuses: {answer.MessageText}"),
    };

    private static (int Code, string What) Unreached(PostgresUrl url, List<Exception> chain)
    {
        var reason = chain[^1].Message.TrimEnd('.');
        if (chain[0].Message == PostgresServers.IsStandby)
        {
            return Wrong("is a standby, which takes no writes: name the primary, or all hosts");
        }

        if (chain.Exists(one => one is AuthenticationException))
        {
            return Wrong(url.SslMode is "verify-ca" or "verify-full"
                ? $"shows a certificate that sslmode={url.SslMode} refuses: name the host in the URL as the certificate does, and the file "
                    + "of the authority that signed it in sslrootcert (without it those of the system hold)"
                : $"does not agree on TLS ({reason}): set sslmode=disable where it has none");
        }

        if (chain.Exists(one => one is CryptographicException or FileNotFoundException or DirectoryNotFoundException
            or UnauthorizedAccessException))
        {
            return Wrong($"was not asked: sslrootcert={url.RootCertificate} cannot be read as certificates ({reason})");
        }

        // Npgsql has no types for these.
        if (reason.Contains("No SSL enabled connection", StringComparison.Ordinal))
        {
            return Wrong($"has no TLS, which sslmode={url.SslMode} asks for: switch ssl on in postgresql.conf, or set sslmode=disable");
        }

        return reason.Contains("No password has been provided", StringComparison.Ordinal)
            ? Wrong($"asks for the password of {url.User}: add it to the URL (postgres://{url.User}:password@host/…)")
            : Later($"cannot be reached ({reason}): check host and port in the URL, and that PostgreSQL runs and listens there"
                + (url.Hosts.Contains(',', StringComparison.Ordinal) ? "; one of the hosts must take writes" : ""));
    }

    private static (int Code, string What) Wrong(string what) => (StartupException.Configuration, what);

    /// <summary>The same start may succeed in a while.</summary>
    private static (int Code, string What) Later(string what) => (StartupException.TemporaryFailure, what);

    /// <summary>The error and what led to it, of several hosts the answers before the silence.</summary>
    private static IEnumerable<Exception> Chain(Exception? error) => error switch
    {
        null => [],
        AggregateException several => several.InnerExceptions.OrderByDescending(one => one is PostgresException).SelectMany(Chain),
        _ => Chain(error.InnerException).Prepend(error),
    };
}
