using System.Data.Common;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Catalog;

/// <summary>Connections to providers. Secrets are stored encrypted, bound to the row's uuid; this class never decrypts them.</summary>
internal sealed class Connections(Db db)
{
    public const int MaxNameLength = 80;

    public Task<List<ConnectionRow>> List() => db.Read(connection => connection.Query<ConnectionRow>("""
        select id, row_uuid, name, provider, base_url, auth_type, secret_keys, key_hints, secret_headers, header_names,
            azure_api_version, prefix, tags, model_ids, default_capabilities, local, enabled, position,
            last_checked_at, last_error, created_at, updated_at, revision, proxy, secret_proxy, ca_pem
        from connections
        order by provider = 'demo', position, id
        limit 1000
        """).ToList());

    /// <param name="draft">The new connection; its name gets a number when another connection has the name.</param>
    /// <param name="audit">Makes the entry from the row as it is stored; the target is completed with the id.</param>
    /// <returns>The new row's id.</returns>
    public Task<long> Insert(ConnectionRow draft, Func<ConnectionRow, AuditEntry> audit, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Catalog);
            var row = WithFreeName(connection, draft);
            SealedTexts.Require(connection, row.SecretKeys);
            SealedTexts.Require(connection, row.SecretHeaders);
            SealedTexts.Require(connection, row.SecretProxy);
            var id = connection.QuerySingle<long>("""
                insert into connections (row_uuid, name, provider, base_url, auth_type, secret_keys, key_hints, secret_headers,
                    header_names, azure_api_version, prefix, tags, model_ids, default_capabilities, local, enabled, position,
                    proxy, secret_proxy, ca_pem, created_at, updated_at)
                values (@RowUuid, @Name, @Provider, @BaseUrl, @AuthType, @SecretKeys, @KeyHints, @SecretHeaders, @HeaderNames,
                    @AzureApiVersion, @Prefix, @Tags, @ModelIds, @DefaultCapabilities, @Local, @Enabled, @Position,
                    @Proxy, @SecretProxy, @CaPem, @CreatedAt, @UpdatedAt)
                returning id
                """, row with { CreatedAt = at, UpdatedAt = at });
            AuditLog.Append(connection, audit(row) with { Target = $"connection:{id}" }, now);
            return id;
        });
    }

    /// <summary>
    /// Stores the row over the revision it was read from; false when it was changed or deleted meanwhile. A new name gets a number when
    /// another connection has it; an unchanged name stays, even where an old database has it twice.
    /// </summary>
    public Task<bool> Update(ConnectionRow draft, Func<ConnectionRow, AuditEntry> audit, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Catalog);
            var row = WithFreeName(connection, draft);
            var stored = connection.QuerySingleOrDefault<StoredSecrets>(
                "select secret_keys, secret_headers, secret_proxy from connections where id = @Id", new { row.Id });
            SealedTexts.Require(connection, row.SecretKeys, stored?.SecretKeys);
            SealedTexts.Require(connection, row.SecretHeaders, stored?.SecretHeaders);
            SealedTexts.Require(connection, row.SecretProxy, stored?.SecretProxy);
            var updated = connection.Execute("""
                update connections set
                    name = @Name, provider = @Provider, base_url = @BaseUrl, auth_type = @AuthType, secret_keys = @SecretKeys,
                    key_hints = @KeyHints, secret_headers = @SecretHeaders, header_names = @HeaderNames,
                    azure_api_version = @AzureApiVersion, prefix = @Prefix, tags = @Tags, model_ids = @ModelIds,
                    default_capabilities = @DefaultCapabilities, local = @Local, enabled = @Enabled, position = @Position,
                    proxy = @Proxy, secret_proxy = @SecretProxy, ca_pem = @CaPem,
                    revision = revision + 1, updated_at = @UpdatedAt
                where id = @Id and revision = @Revision
                """, row with { UpdatedAt = at }) == 1;
            if (updated)
            {
                // Another server may stand behind the address now.
                connection.Execute("delete from learned_limits where connection_id = @Id", new { row.Id });
                AuditLog.Append(connection, audit(row), now);
            }

            return updated;
        });
    }

    /// <summary>Deletes the connection with its models and overrides. Chats keep their text and the id, which is never reused.</summary>
    public Task<bool> Delete(long id, AuditEntry audit, DateTimeOffset now) => db.Write(connection =>
    {
        var deleted = connection.Execute("delete from connections where id = @id", new { id }) == 1;
        if (deleted)
        {
            AuditLog.Append(connection, audit, now);
        }

        return deleted;
    });

    /// <summary>
    /// Stores the result of listing the provider's models, unless the connection was changed meanwhile. Null for
    /// <paramref name="models"/> means that the provider did not answer, and keeps the old list.
    /// </summary>
    public Task<bool> KeepCheck(long id, long revision, IReadOnlyList<ModelRow>? models, string? error, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            var kept = connection.Execute("""
                update connections set last_checked_at = @at, last_error = @error where id = @id and revision = @revision
                """, new { id, revision, error, at }) == 1;
            if (kept && models is not null)
            {
                Models.Replace(connection, id, models, at);
            }

            return kept;
        });
    }

    /// <summary>Runs in the write that stores the row, so that two concurrent forms do not both find the name free.</summary>
    private static ConnectionRow WithFreeName(DbConnection connection, ConnectionRow row)
    {
        var names = connection.Query<NamedRow>("select id, name from connections").ToList();
        return names.Any(one => one.Id == row.Id && one.Name == row.Name)
            ? row
            : row with { Name = FreeName(row.Name, names.Where(one => one.Id != row.Id).Select(one => one.Name)) };
    }

    /// <summary>The name, or the first free one of "Name 2", "Name 3" and so on, compared without case.</summary>
    internal static string FreeName(string name, IEnumerable<string> taken)
    {
        var others = taken.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var free = name;
        for (var n = 2; others.Contains(free); n++)
        {
            var number = $" {n}";
            var kept = Math.Min(name.Length, MaxNameLength - number.Length);
            // A cut surrogate pair is no character.
            free = name[..(char.IsHighSurrogate(name[kept - 1]) ? kept - 1 : kept)] + number;
        }

        return free;
    }
}

internal sealed class StoredSecrets
{
    public string? SecretKeys { get; init; }

    public string? SecretHeaders { get; init; }

    public string? SecretProxy { get; init; }
}

internal sealed class NamedRow
{
    public long Id { get; init; }

    public string Name { get; init; } = "";
}

/// <summary>One connection. Its secret members are encrypted; the row itself is never sent to a client.</summary>
internal sealed record ConnectionRow
{
    public long Id { get; init; }

    /// <summary>Binds the encrypted members to this row.</summary>
    public string RowUuid { get; init; } = "";

    public string Name { get; init; } = "";

    public string Provider { get; init; } = "";

    public string BaseUrl { get; init; } = "";

    public string AuthType { get; init; } = "";

    /// <summary>An encrypted JSON list of keys, in the order in which they are tried.</summary>
    public string? SecretKeys { get; init; }

    public string KeyHints { get; init; } = "[]";

    /// <summary>An encrypted JSON object of header names and values.</summary>
    public string? SecretHeaders { get; init; }

    public string HeaderNames { get; init; } = "[]";

    public string? AzureApiVersion { get; init; }

    public string? Prefix { get; init; }

    public string Tags { get; init; } = "[]";

    public string ModelIds { get; init; } = "[]";

    public string DefaultCapabilities { get; init; } = "{}";

    public bool Local { get; init; }

    public bool Enabled { get; init; }

    public int Position { get; init; }

    /// <summary><c>inherit</c>, <c>none</c>, or the address of its own proxy with the password masked.</summary>
    public string Proxy { get; init; } = "inherit";

    /// <summary>The sealed address of its own proxy; null when it has none.</summary>
    public string? SecretProxy { get; init; }

    /// <summary>Certificate authorities to trust instead of the system's; null = the system's.</summary>
    public string? CaPem { get; init; }

    public long? LastCheckedAt { get; init; }

    /// <summary>A JSON object of code and detail; null after a success.</summary>
    public string? LastError { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    /// <summary>Grows with each change by an administrator, so that an older check is not stored for the new version.</summary>
    public long Revision { get; init; }
}
