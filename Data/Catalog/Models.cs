using System.Data.Common;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Catalog;

/// <summary>The models that providers offer, and the administrator's overrides of them.</summary>
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
            position, is_default
        from model_overrides
        order by connection_id, model
        limit 200000
        """).ToList());

    /// <summary>What providers said their models read at most.</summary>
    public Task<List<LearnedLimitRow>> ListLearned() => db.Read(connection => connection.Query<LearnedLimitRow>("""
        select connection_id, model, context_limit from learned_limits order by connection_id, model limit 200000
        """).ToList());

    /// <summary>Stores nothing for a deleted connection.</summary>
    public Task Learn(LearnedLimitRow row) => db.Write(connection =>
    {
        connection.Execute("""
            insert into learned_limits (connection_id, model, context_limit)
            select id, @Model, @ContextLimit from connections where id = @ConnectionId
            on conflict (connection_id, model) do update set context_limit = excluded.context_limit
            """, row);
    });

    /// <summary>Stores an administrator's overrides of these models, replacing those of each; all or nothing.</summary>
    public Task PutOverrides(IReadOnlyList<ModelOverrideRow> rows, AuditEntry audit, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Catalog);
            foreach (var row in rows)
            {
                if (row.IsDefault)
                {
                    connection.Execute("update model_overrides set is_default = false where is_default = true");
                }

                Forget(connection, row);
                Put(connection, row, at);
            }

            DeleteEmpty(connection);
            AuditLog.Append(connection, audit, now);
        });
    }

    /// <param name="models">A JSON list of model ids; the connection's other models get no position.</param>
    public Task Order(long connectionId, string models, AuditEntry audit, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.Shared(connection, RowLock.Catalog);
            connection.Execute("""
                update model_overrides set position = null, updated_at = @at
                where connection_id = @connectionId and position is not null
                """, new { connectionId, at });
            connection.Execute("""
                insert into model_overrides (connection_id, model, position, updated_at)
                select connections.id, json_each.value, json_each.key, @at
                from connections, json_each(@models)
                where connections.id = @connectionId
                on conflict (connection_id, model) do update set position = excluded.position, updated_at = excluded.updated_at
                """, new { connectionId, models, at });
            DeleteEmpty(connection);
            AuditLog.Append(connection, audit, now);
        });
    }

    /// <returns>The number of overrides.</returns>
    public Task<int> DeleteAllOverrides(AuditEntry audit, DateTimeOffset now) => db.Write(connection =>
    {
        RowLock.Shared(connection, RowLock.Catalog);
        AuditLog.Append(connection, audit, now);
        connection.Execute("delete from learned_limits");
        return connection.Execute("delete from model_overrides");
    });

    /// <summary>Removes the overrides of these models, except for their positions in the list.</summary>
    /// <returns>The number of removed overrides.</returns>
    public Task<int> DeleteOverrides(
        IReadOnlyList<(long ConnectionId, string Model)> items, AuditEntry audit, DateTimeOffset now) => db.Write(connection =>
    {
        RowLock.Shared(connection, RowLock.Catalog);
        var deleted = 0;
        foreach (var (connectionId, model) in items)
        {
            connection.Execute("""
                delete from learned_limits where connection_id = @connectionId and model = @model
                """, new { connectionId, model });
            deleted += connection.Execute("""
                update model_overrides
                set name = null, hidden = null, tags = null, capabilities = null, context_limit = null, max_output_tokens = null,
                    price = null, allowed_users = null, is_default = false
                where connection_id = @connectionId and model = @model
                """, new { connectionId, model });
        }

        DeleteEmpty(connection);
        AuditLog.Append(connection, audit, now);
        return deleted;
    });

    /// <summary>Stores a provider's list of models. An unchanged list costs no write.</summary>
    public static void Replace(DbConnection connection, long connectionId, IReadOnlyList<ModelRow> models, long at)
    {
        var known = connection.Query<ModelRow>("""
            select connection_id, model, name, capabilities, context_limit, max_output_tokens
            from models
            where connection_id = @connectionId
            order by id
            """, new { connectionId }).ToList();
        if (known.SequenceEqual(models))
        {
            return;
        }

        // A server that was started with another context says so in its list.
        var before = known.ToDictionary(row => row.Model, row => row.ContextLimit, StringComparer.Ordinal);
        foreach (var row in models.Where(row => before.TryGetValue(row.Model, out var limit) && limit != row.ContextLimit))
        {
            connection.Execute("""
                delete from learned_limits where connection_id = @connectionId and model = @Model
                """, new { connectionId, row.Model });
        }

        connection.Execute("delete from models where connection_id = @connectionId", new { connectionId });
        foreach (var row in models)
        {
            connection.Execute("""
                insert into models (connection_id, model, name, capabilities, context_limit, max_output_tokens, fetched_at)
                values (@connectionId, @Model, @Name, @Capabilities, @ContextLimit, @MaxOutputTokens, @at)
                """, new { connectionId, row.Model, row.Name, row.Capabilities, row.ContextLimit, row.MaxOutputTokens, at });
        }
    }

    /// <summary>An administrator who enters another limit knows better than what was learnt before.</summary>
    private static void Forget(DbConnection connection, ModelOverrideRow row) => connection.Execute("""
        delete from learned_limits
        where connection_id = @ConnectionId and model = @Model and @ContextLimit is distinct from (
            select context_limit from model_overrides where connection_id = @ConnectionId and model = @Model)
        """, new { row.ConnectionId, row.Model, row.ContextLimit });

    private static void DeleteEmpty(DbConnection connection) => connection.Execute("""
        delete from model_overrides
        where name is null and hidden is null and tags is null and capabilities is null and context_limit is null
            and max_output_tokens is null and price is null and allowed_users is null and position is null and is_default = false
        """);

    private static void Put(DbConnection connection, ModelOverrideRow row, long at) => connection.Execute("""
        insert into model_overrides (connection_id, model, name, hidden, tags, capabilities, context_limit, max_output_tokens, price,
            allowed_users, position, is_default, updated_at)
        select id, @Model, @Name, @Hidden, @Tags, @Capabilities, @ContextLimit, @MaxOutputTokens, @Price,
            @AllowedUsers, @Position, @IsDefault, @at
        from connections
        where id = @ConnectionId
        on conflict (connection_id, model) do update set
            name = excluded.name, hidden = excluded.hidden, tags = excluded.tags, capabilities = excluded.capabilities,
            context_limit = excluded.context_limit, max_output_tokens = excluded.max_output_tokens, price = excluded.price,
            allowed_users = excluded.allowed_users, position = excluded.position, is_default = excluded.is_default,
            updated_at = excluded.updated_at
        """,
        new
        {
            row.ConnectionId,
            row.Model,
            row.Name,
            row.Hidden,
            row.Tags,
            row.Capabilities,
            row.ContextLimit,
            row.MaxOutputTokens,
            row.Price,
            row.AllowedUsers,
            row.Position,
            row.IsDefault,
            at,
        });
}

/// <summary>A model as its provider describes it; null where the provider says nothing.</summary>
internal sealed record ModelRow
{
    public long ConnectionId { get; init; }

    public string Model { get; init; } = "";

    public string? Name { get; init; }

    /// <summary>A JSON object of the flags the provider gave.</summary>
    public string Capabilities { get; init; } = "{}";

    public int? ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }
}

/// <summary>The most that a model reads, as its provider said when it refused more.</summary>
internal sealed record LearnedLimitRow
{
    public long ConnectionId { get; init; }

    public string Model { get; init; } = "";

    public int ContextLimit { get; init; }
}

/// <summary>An administrator's override of a model; null leaves the value to the layers below.</summary>
internal sealed record ModelOverrideRow
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

    public bool SaysMoreThanPlace => Differences(new ModelOverrideRow { Position = Position }).Count > 0;

    /// <summary>The members, as the API names them, in which two overrides differ.</summary>
    public List<string> Differences(ModelOverrideRow other)
    {
        List<string> names = [];
        void Compare<T>(T mine, T theirs, string name)
        {
            if (!EqualityComparer<T>.Default.Equals(mine, theirs))
            {
                names.Add(name);
            }
        }

        Compare(Name, other.Name, "name");
        Compare(Hidden, other.Hidden, "hidden");
        Compare(Tags, other.Tags, "tags");
        Compare(Capabilities, other.Capabilities, "capabilities");
        Compare(ContextLimit, other.ContextLimit, "contextLimit");
        Compare(MaxOutputTokens, other.MaxOutputTokens, "maxOutputTokens");
        Compare(Price, other.Price, "price");
        Compare(AllowedUsers, other.AllowedUsers, "allowedUsers");
        Compare(Position, other.Position, "position");
        Compare(IsDefault, other.IsDefault, "isDefault");
        return names;
    }
}
