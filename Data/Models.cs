using Dapper;

namespace AiChat.Data;

/// <summary>What providers offer, and what the administrator decided about it.</summary>
internal sealed class Models(Db db)
{
    public Task<List<ModelRow>> List() => db.Read(connection => connection.Query<ModelRow>("""
        select connection_id, model, name, capabilities, context_limit, max_output_tokens
        from models
        order by connection_id, id
        limit 200000
        """).ToList());

    public Task<List<ModelOverrideRow>> ListOverrides() => db.Read(connection => connection.Query<ModelOverrideRow>("""
        select connection_id, model, name, hidden, tags, capabilities, context_limit, max_output_tokens, price, allowed_users,
            position, is_default, updated_at
        from model_overrides
        order by connection_id, model
        limit 200000
        """).ToList());
}

/// <summary>A model as its provider describes it; null is what the provider did not say.</summary>
internal sealed class ModelRow
{
    public long ConnectionId { get; init; }

    public string Model { get; init; } = "";

    public string? Name { get; init; }

    /// <summary>A JSON object of the flags the provider gave.</summary>
    public string Capabilities { get; init; } = "{}";

    public int? ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }
}

/// <summary>The administrator's word about a model; null leaves it to the layers below.</summary>
internal sealed class ModelOverrideRow
{
    public long ConnectionId { get; init; }

    public string Model { get; init; } = "";

    public string? Name { get; init; }

    public bool? Hidden { get; init; }

    public string? Tags { get; init; }

    public string? Capabilities { get; init; }

    public int? ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }

    public string? Price { get; init; }

    /// <summary>A JSON list of user ids; null is everybody.</summary>
    public string? AllowedUsers { get; init; }

    public int? Position { get; init; }

    public bool IsDefault { get; init; }

    public long UpdatedAt { get; init; }
}
