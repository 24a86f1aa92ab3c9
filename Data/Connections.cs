using Dapper;

namespace AiChat.Data;

/// <summary>Configured upstreams. What is secret about them stays sealed here; who opens it is told by the row's uuid.</summary>
internal sealed class Connections(Db db)
{
    public Task<List<ConnectionRow>> List() => db.Read(connection => connection.Query<ConnectionRow>("""
        select id, row_uuid, name, provider, base_url, auth_type, secret_keys, key_hints, secret_headers, header_names,
            azure_api_version, prefix, tags, model_ids, default_capabilities, local, enabled, position,
            last_checked_at, last_error, created_at, updated_at, revision
        from connections
        order by provider = 'demo', position, id
        limit 1000
        """).ToList());
}

/// <summary>One configured upstream. The secret members are sealed; the row never leaves the server as it is.</summary>
internal sealed class ConnectionRow
{
    public long Id { get; init; }

    /// <summary>Binds the sealed members to this row.</summary>
    public string RowUuid { get; init; } = "";

    public string Name { get; init; } = "";

    public string Provider { get; init; } = "";

    public string BaseUrl { get; init; } = "";

    public string AuthType { get; init; } = "";

    /// <summary>A sealed JSON list of keys, in the order they are tried.</summary>
    public string? SecretKeys { get; init; }

    public string KeyHints { get; init; } = "[]";

    /// <summary>A sealed JSON object of header names and values.</summary>
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

    public long? LastCheckedAt { get; init; }

    /// <summary>A JSON object of code and detail; null after a success.</summary>
    public string? LastError { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    /// <summary>Grows with each change by an administrator, so that the outcome of an older check is not taken for the new form's.</summary>
    public long Revision { get; init; }
}
