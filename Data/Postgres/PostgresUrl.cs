namespace AiChat.Data.Postgres;

/// <summary>Where a PostgreSQL database is and how to sign in there. It is never printed: it may hold a password.</summary>
internal sealed record PostgresUrl
{
    /// <summary>The names of parameters that mean something here.</summary>
    public const string Known = "sslmode, sslrootcert, pooler, advisory_locks, listen";

    private const string Rule = "is postgres://user:password@host:5432/database, with several hosts separated by commas, and with "
        + "the signs of the password in their codes (? is %3F, / is %2F)";

    /// <summary>What URLs of other programs and providers have. What is not listed is not named: it may be part of a password.</summary>
    private static readonly string[] _foreign =
    [
        "application_name", "channel_binding", "charset", "connect_timeout", "connection_limit", "gssencmode", "keepalives", "options",
        "passfile", "pgbouncer", "pool_timeout", "prepared_statements", "schema", "search_path", "service", "sslcert", "sslcrl", "sslkey",
        "ssl", "statement_cache_size", "target_session_attrs",
    ];

    /// <summary>Each with its port, separated by commas.</summary>
    public required string Hosts { get; init; }

    public required string Database { get; init; }

    public required string User { get; init; }

    public string? Password { get; init; }

    public string SslMode { get; init; } = "prefer";

    /// <summary>A file of the authorities that sign the server's certificate; null is the system's.</summary>
    public string? RootCertificate { get; init; }

    /// <summary>Each transaction may get another connection, so that nothing may be prepared.</summary>
    public bool IsPooled { get; init; }

    public bool HasAdvisoryLocks { get; init; } = true;

    /// <summary>Whether processes wake each other; else each looks once a second.</summary>
    public bool CanListen { get; init; } = true;

    /// <summary>What may be told: the hosts and the name of the database.</summary>
    public string Place => $"{Hosts}/{Database}";

    public override string ToString() => Place;

    public static bool IsOne(string text) =>
        text.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
        || text.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Null with the rule that the text breaks.</summary>
    public static PostgresUrl? Parse(string text, out string? broken)
    {
        var rest = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var query = rest.IndexOf('?') is >= 0 and var mark ? rest[(mark + 1)..] : "";
        rest = query.Length > 0 || rest.EndsWith('?') ? rest[..rest.IndexOf('?')] : rest;
        var at = rest.LastIndexOf('@');
        var slash = rest.IndexOf('/', at + 1);
        var login = at < 0 ? [] : rest[..at].Split(':', 2);
        var hosts = slash < 0 ? rest[(at + 1)..] : rest[(at + 1)..slash];
        var database = slash < 0 ? "" : rest[(slash + 1)..];
        if (login.Length == 0 || login[0].Length == 0 || database.Length == 0 || database.Contains('/', StringComparison.Ordinal)
            || hosts.Split(',').Any(host => !IsHost(host)))
        {
            broken = Rule;
            return null;
        }

        return WithParameters(new PostgresUrl
        {
            Hosts = hosts,
            Database = Uri.UnescapeDataString(database),
            User = Uri.UnescapeDataString(login[0]),
            Password = login.Length > 1 ? Uri.UnescapeDataString(login[1]) : null,
        }, query, out broken);
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
                case ("pooler", "transaction" or "session"):
                    url = url with { IsPooled = value == "transaction" };
                    break;
                case ("advisory_locks", "on" or "off"):
                    url = url with { HasAdvisoryLocks = value == "on" };
                    break;
                case ("listen", "on" or "off"):
                    url = url with { CanListen = value == "on" };
                    break;
                case ("sslmode" or "sslrootcert" or "pooler" or "advisory_locks" or "listen", _):
                    broken = $"has an unknown value for {name}";
                    return null;
                default:
                    broken = $"has a parameter that means nothing here{(_foreign.Contains(name) ? $" ({name})" : "")}: take it away; known "
                        + $"are {Known}";
                    return null;
            }
        }

        return url with { CanListen = url is { CanListen: true, IsPooled: false } };
    }

    private static bool IsHost(string host)
    {
        var end = host.StartsWith('[') ? host.IndexOf(']') + 1 : host.IndexOf(':') is >= 0 and var colon ? colon : host.Length;
        return end > 0 && host[..end].All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or ':' or '[' or ']')
            && (end == host.Length || (host[end] == ':' && ushort.TryParse(host[(end + 1)..], out var port) && port > 0));
    }
}
