using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Audit;

/// <summary>
/// The append-only audit log. Each row's hash covers the one before, so that a later change or removal is detectable.
/// </summary>
internal sealed class AuditLog(Db db)
{
    /// <summary>Appends the row in the transaction of the action it records; call inside <see cref="Db.Write{T}"/>.</summary>
    public static void Append(DbConnection connection, AuditEntry entry, DateTimeOffset now)
    {
        RowLock.Shared(connection, RowLock.Audit);
        var previous = connection.QueryFirstOrDefault<string>("""
            select hash
            from audit
            order by id desc
            limit 1
            """);
        var at = now.ToUnixTimeMilliseconds();
        var hash = Hash(previous ?? "", entry, at);
        connection.Execute("""
            insert into audit (actor_id, action, target, detail, ip, created_at, hash)
            values (@ActorId, @Action, @Target, @Detail, @Ip, @at, @hash)
            """, new { entry.ActorId, entry.Action, entry.Target, entry.Detail, entry.Ip, at, hash });
    }

    /// <summary>For events without a change of data, such as a failed login.</summary>
    public Task Write(AuditEntry entry, DateTimeOffset now) => db.Write(connection => Append(connection, entry, now));

    /// <summary>Newest first, with ids below <paramref name="before"/>.</summary>
    public Task<List<AuditRow>> List(long before, int limit) => db.Read(connection => connection.Query<AuditRow>("""
        select a.id, a.actor_id, u.username as actor, a.action, a.target, a.detail, a.ip, a.created_at, a.hash
        from audit a
        left join users u on u.id = a.actor_id
        where a.id < @before
        order by a.id desc
        limit @limit
        """, new { before, limit }).ToList());

    /// <summary>The hash of a row, used also to verify the chain.</summary>
    public static string Hash(string previous, AuditEntry entry, long at)
    {
        var text = string.Join(
            '\n', previous, entry.ActorId?.ToString(), entry.Action, Line(entry.Target), Line(entry.Detail), entry.Ip, at.ToString());
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>A line break inside a field must not look like the next field.</summary>
    private static string? Line(string? text) =>
        text?.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}

/// <summary>Action is a dotted word such as "user.approve"; target names the object, as in "user:7".</summary>
internal sealed record AuditEntry(long? ActorId, string Action, string? Target, string? Ip, string? Detail = null);

internal sealed class AuditRow
{
    public long Id { get; init; }

    public long? ActorId { get; init; }

    /// <summary>The actor's present name; null when the account is deleted.</summary>
    public string? Actor { get; init; }

    public string Action { get; init; } = "";

    public string? Target { get; init; }

    public string? Detail { get; init; }

    public string? Ip { get; init; }

    public long CreatedAt { get; init; }

    public string Hash { get; init; } = "";
}
