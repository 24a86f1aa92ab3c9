namespace AiChat.Endpoints.Variables;

/// <summary>
/// The path in a DATABASE_URL, as Prisma, SQLAlchemy and plain paths write it. Relative paths begin in the working directory.
/// </summary>
internal static class DatabaseUrl
{
    private const string Rule = "is file: and a path, such as file:./data/app.db or file:/var/lib/aichat/app.db";

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
            "postgres" or "postgresql" or "mysql" or "mariadb" or "mongodb" or "mongodb+srv" or "sqlserver" or "cockroachdb" or "libsql" =>
                $"names a database of the kind {scheme}, and AiChat has its own in one file: it {Rule}",
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
