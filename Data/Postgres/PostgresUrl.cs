using System.Text.RegularExpressions;

namespace AiChat.Data.Postgres;

/// <summary>Where a PostgreSQL database is and how to sign in there. It is never printed: it may hold a password.</summary>
internal sealed partial record PostgresUrl
{
    /// <summary>The names of parameters that mean something here.</summary>
    public const string Known = "sslmode, sslrootcert, pooler, host, advisory_locks, listen";

    private const string Rule = "is postgres://user:password@host:5432/database, with several hosts separated by commas, and with "
        + "the signs of the password in their codes (? is %3F, / is %2F)";

    /// <summary>What URLs of other programs and providers have. What is not listed is not named: it may be part of a password.</summary>
    private static readonly string[] _foreign =
    [
        "application_name", "channel_binding", "charset", "connect_timeout", "connection_limit", "gssencmode", "keepalives", "options",
        "passfile", "pgbouncer", "pool_timeout", "prepared_statements", "schema", "search_path", "service", "sslcert", "sslcrl", "sslkey",
        "ssl", "statement_cache_size", "target_session_attrs",
    ];

    /// <summary>Each with its port, separated by commas; or the folder of a socket.</summary>
    public required string Hosts { get; init; }

    public required string Database { get; init; }

    public required string User { get; init; }

    public string? Password { get; init; }

    public string SslMode { get; init; } = "prefer";

    /// <summary>A file of the authorities that sign the server's certificate; null is the system's.</summary>
    public string? RootCertificate { get; init; }

    /// <summary>What a pooler before the server keeps together, transactions or sessions; null where there is none.</summary>
    public string? Pooler { get; init; }

    /// <summary>Each transaction may get another connection, so that nothing may be prepared.</summary>
    public bool IsPooled => Pooler == "transaction";

    public bool HasAdvisoryLocks { get; init; } = true;

    public bool IsListening { get; init; } = true;

    /// <summary>Whether processes wake each other; else each looks once a second.</summary>
    public bool CanListen => IsListening && !IsPooled;

    /// <summary>What may be told: the hosts and the name of the database.</summary>
    public string Place => $"{Hosts}/{Database}";

    public override string ToString() => Place;

    /// <summary>Also with the name of a driver, which other programs put there: postgresql+psycopg://.</summary>
    public static bool IsOne(string text) =>
        text.IndexOf("://", StringComparison.Ordinal) is > 0 and var end
        && text[..end].Split('+')[0].ToLowerInvariant() is "postgres" or "postgresql";

    /// <summary>Null with the rule that the text breaks.</summary>
    public static PostgresUrl? Parse(string text, out string? broken)
    {
        if (Unfilled().IsMatch(text))
        {
            broken = "holds the name of a variable, which nothing has replaced by its value: write the value there "
                + "(a $ of the password itself is %24)";
            return null;
        }

        var rest = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var query = rest.IndexOf('?') is >= 0 and var mark ? rest[(mark + 1)..] : "";
        rest = query.Length > 0 || rest.EndsWith('?') ? rest[..rest.IndexOf('?')] : rest;
        var at = rest.LastIndexOf('@');
        var slash = rest.IndexOf('/', at + 1);
        var login = at < 0 ? [] : rest[..at].Split(':', 2);
        var hosts = slash < 0 ? rest[(at + 1)..] : rest[(at + 1)..slash];
        var database = slash < 0 ? "" : rest[(slash + 1)..];
        if (login.Length == 0 || login[0].Length == 0 || database.Length == 0 || database.Contains('/', StringComparison.Ordinal))
        {
            broken = Rule;
            return null;
        }

        return WithParameters(new PostgresUrl
        {
            Hosts = hosts.StartsWith("%2F", StringComparison.OrdinalIgnoreCase) ? Uri.UnescapeDataString(hosts) : hosts,
            Database = Uri.UnescapeDataString(database),
            User = Uri.UnescapeDataString(login[0]),
            Password = login.Length > 1 ? Uri.UnescapeDataString(login[1]) : null,
        }, query, out broken) is { } url ? Placed(url, out broken) : null;
    }

    /// <summary>Null with the rule that the hosts break.</summary>
    private static PostgresUrl? Placed(PostgresUrl url, out string? broken)
    {
        if (!url.Hosts.StartsWith('/'))
        {
            broken = url.Hosts.Split(',').All(IsHost) ? null : Rule;
            return broken is null ? url : null;
        }

        // The name of a socket ends with its port.
        var folder = url.Hosts.EndsWith(":5432", StringComparison.Ordinal) ? url.Hosts[..^5] : url.Hosts;
        broken = SocketPort().IsMatch(folder)
            ? "has a socket of another port than 5432, which is not found: name the host with its port instead" : null;
        return broken is null ? url with { Hosts = folder } : null;
    }

    private static PostgresUrl? WithParameters(PostgresUrl url, string query, out string? broken)
    {
        broken = null;
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=');
            var name = equals < 0 ? pair : pair[..equals];
            var value = equals < 0 ? "" : Uri.UnescapeDataString(pair[(equals + 1)..]);
            switch (name, value)
            {
                case ("sslmode", "disable" or "allow" or "prefer" or "require" or "verify-ca" or "verify-full"):
                    url = url with { SslMode = value };
                    break;
                case ("sslrootcert", { Length: > 0 }):
                    url = url with { RootCertificate = value };
                    break;
                case ("host", ['/', ..]):
                    url = url with { Hosts = value };
                    break;
                case ("pooler", "transaction" or "session"):
                    url = url with { Pooler = value };
                    break;
                case ("advisory_locks", "on" or "off"):
                    url = url with { HasAdvisoryLocks = value == "on" };
                    break;
                case ("listen", "on" or "off"):
                    url = url with { IsListening = value == "on" };
                    break;
                case ("sslmode" or "sslrootcert" or "pooler" or "host" or "advisory_locks" or "listen", _):
                    broken = $"has an unknown value for {name}: it is {Values(name)}";
                    return null;
                default:
                    broken = $"has a parameter that means nothing here{(_foreign.Contains(name) ? $" ({name})" : "")}: take it away; known "
                        + $"are {Known}";
                    return null;
            }
        }

        return url;
    }

    private static string Values(string name) => name switch
    {
        "sslmode" => "disable, prefer, require (encrypted, whatever the certificate), verify-ca or verify-full",
        "pooler" => "transaction or session",
        "advisory_locks" or "listen" => "on or off",
        "host" => "the folder of a socket, such as /var/run/postgresql; other hosts stand before the database",
        _ => "the path of a file",
    };

    private static bool IsHost(string host)
    {
        var end = host.StartsWith('[') ? host.IndexOf(']') + 1 : host.IndexOf(':') is >= 0 and var colon ? colon : host.Length;
        return end > 0 && host[..end].All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or ':' or '[' or ']')
            && (end == host.Length || (host[end] == ':' && ushort.TryParse(host[(end + 1)..], out var port) && port > 0));
    }

    /// <summary>What a shell, a compose file or Kubernetes replaces.</summary>
    [GeneratedRegex(@"\$\{[A-Za-z_]|\$\([A-Za-z_]")]
    private static partial Regex Unfilled();

    [GeneratedRegex(@":[0-9]+\z")]
    private static partial Regex SocketPort();
}
