using AiChat.Data.Postgres;

namespace AiChat.Endpoints.Variables;

/// <summary>Where the database is: a file, null for the usual one, or a server.</summary>
internal sealed record DatabasePlace(string? Path, PostgresUrl? Server);

/// <summary>
/// What a DATABASE_URL names: a path, as Prisma, SQLAlchemy and plain paths write it, which begins in the working directory where it is
/// relative; or a server of PostgreSQL.
/// </summary>
internal static class DatabaseUrl
{
    private const string Rule = "is file: and a path, such as file:./data/app.db or file:/var/lib/aichat/app.db, or "
        + "postgres://user:password@host:5432/database";

    public static DatabasePlace Read(string text, out string? broken) => PostgresUrl.IsOne(text)
        ? new DatabasePlace(null, PostgresUrl.Parse(text, out broken)) : new DatabasePlace(Parse(text, out broken).Path, null);

    /// <summary>The text without what only the server may know.</summary>
    public static string Shown(string text) =>
        PostgresUrl.IsOne(text) ? PostgresUrl.Parse(text, out _) is { } url ? $"postgres://{url.Place}" : "postgres://" : text;

    /// <summary>The path and the names of query parameters, which mean nothing here; or the rule that is broken.</summary>
    public static (string Path, string[] Ignored) Parse(string text, out string? broken)
    {
        var colon = text.IndexOf(':');
        var scheme = text[0] is '/' or '.' || colon < 0 ? "" : text[..colon].ToLowerInvariant();
        var rest = scheme.Length > 0 ? text[(colon + 1)..] : text;
        string[] ignored = [];
        if (scheme.Length > 0 && rest.IndexOf('?') is >= 0 and var query)
        {
            ignored = [.. rest[(query + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')[0])];
            rest = rest[..query];
        }

        broken = scheme switch
        {
            "" => text[0] is '/' or '.' ? null : Rule,
            "file" or "sqlite" or "sqlite3" => null,
            "mysql" or "mariadb" or "mongodb" or "mongodb+srv" or "sqlserver" or "cockroachdb" or "libsql" =>
                $"names a database of the kind {scheme}: it {Rule}",
            _ => Rule,
        };
        broken ??= rest.Length == 0 || rest.EndsWith('/') ? Rule
            : rest.Contains(":memory:", StringComparison.Ordinal) || ignored.Contains("mode") && text.Contains("mode=memory")
                ? "is a file, because what is kept in memory only would be lost"
            : null;
        if (broken is null && scheme.Length > 0)
        {
            rest = Authority(scheme, rest, out broken);
        }

        broken ??= VariableRules.BrokenPath(rest);
        return (rest, ignored);
    }

    /// <summary>The path after an authority, which must be empty or this machine.</summary>
    private static string Authority(string scheme, string rest, out string? broken)
    {
        broken = null;
        if (!rest.StartsWith("//", StringComparison.Ordinal))
        {
            return rest;
        }

        if (scheme != "file")
        {
            // SQLAlchemy reads three slashes as a relative path, most others as an absolute one.
            broken = rest.StartsWith("////", StringComparison.Ordinal) ? null
                : $"has two readings with {scheme}://: write file: and the path, which begins with / or ./";
            return broken is null ? rest[3..] : rest;
        }

        var path = rest.IndexOf('/', 2);
        var host = path < 0 ? rest[2..] : rest[2..path];
        broken = host is "" or "localhost" && path > 0 ? null : Rule;
        return broken is null ? Uri.UnescapeDataString(rest[path..]) : rest;
    }
}
