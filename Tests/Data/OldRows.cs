using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>Rows in every table of a database of any schema so far: each column gets a value that its type and its rules allow.</summary>
internal static class OldRows
{
    /// <summary>Tables in the order in which rows may refer to others.</summary>
    private const string Rows = """
        insert into users (id, username, username_key, role, status, created_at)
        values (1, 'Ann', 'ann', 'ADMIN', 'ACTIVE', 1), (2, 'Bob', 'bob', 'USER', 'DISABLED', 2);
        insert into users (id, role, status, guest_token_hash, expires_at, created_at) values (3, 'GUEST', 'ACTIVE', 'g', 9999999999999, 1);
        insert into logins (id, user_id, kind, family_hash, refresh_hash, rotated_at, ip, user_agent, created_at, last_used_at, expires_at)
        values (4, 1, 'browser', 'f', 'r', 1, '::1', 'ua', 1, 1, 9999999999999);
        insert into api_keys (id, user_id, name, key_hash, prefix, created_at) values (2, 1, 'k', 'h', 'p', 1);
        insert into api_key_days (api_key_id, day, cost_nanos) values (2, 1, 7);
        insert into settings (key, value, updated_at) values ('brandName', '"Ours"', 1);
        insert into connections (id, row_uuid, name, provider, base_url, auth_type, secret_keys, created_at, updated_at)
        values (2, 'u2', 'Two', 'openai', 'http://x', 'bearer', 'v1.a.b.c', 1, 1);
        insert into models (id, connection_id, model, fetched_at) values (5, 2, 'm', 1);
        insert into model_overrides (connection_id, model, hidden, updated_at) values (2, 'm', 1, 1);
        insert into token_factors (connection_id, model, factor) values (2, 'm', 1.5);
        insert into sessions (id, user_id, title, connection_id, model, leaf_id, message_count, created_at, updated_at)
        values (1, 1, 'First', 2, 'm', 2, 2, 1, 1), (2, 3, 'Guest''s', null, 'gone', 4, 2, 1, 1);
        insert into messages (id, session_id, parent_id, role, content, client_message_id, connection_id, status, created_at)
        values (1, 1, null, 'user', 'Where is the treasure', 'c1', null, 'done', 1),
            (2, 1, 1, 'assistant', 'Под деревом', null, 2, 'done', 2),
            (3, 2, null, 'user', '人工智能改变世界', 'c1', null, 'done', 3),
            (4, 2, 3, 'assistant', '', null, 2, 'streaming', 4);
        insert into runs (id, user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, started_at)
        values (3, 1, 1, 2, 'send', 'c1', 'h', 'b', 'done', 1), (4, 3, 2, 4, 'send', 'c1', 'h', 'b', 'running', 1);
        insert into run_chunks (run_id, position, kind, value) values (4, 0, 'content', 'begun');
        insert into images (id, user_id, message_id, mime, width, height, bytes, file, created_at)
        values ('i', 1, 1, 'image/png', 1, 1, 1, 'f', 1), ('j', 1, null, 'image/png', 1, 1, 1, 'h', 1);
        insert into doomed_files (file) values ('g');
        insert into usage_entries (id, user_id, session_id, message_id, run_id, connection_id, model, provider, status, prompt_tokens,
            completion_tokens, reasoning_tokens, cached_tokens, source, created_at)
        values (1, 1, 30, 400, 50, 6, 'm', 'openai', 'done', 1, 1, 0, 0, 'provider', 1);
        insert into daily_usage (user_id, day, messages) values (1, 20000, 3);
        insert into guest_days (day, messages) values (20000, 1);
        insert into prompts (id, user_id, name, title, content, created_at, updated_at) values (8, 1, 'p', 'P', 'text', 1, 1);
        insert into shares (token, sealed_token, session_id, user_id, leaf_id, created_at) values ('t', 's', 1, 1, 2, 1);
        insert into drafts (user_id, session_id, content, updated_at) values (1, 1, 'draft', 1), (1, null, 'new', 1);
        insert into audit (id, actor_id, action, target, created_at, hash) values (1, 1, 'share.create', 'session:77', 1, 'y');
        """;

    /// <param name="messages">So many more in one chat.</param>
    public static void Fill(string path, int messages = 0)
    {
        Text(path, Rows);
        Text(path, $"""
            with recursive n (i) as (select 100 union all select i + 1 from n where i < {100 + messages - 1})
            insert into messages (id, session_id, role, content, status, created_at)
            select i, 1, 'user', 'Message ' || i || hex(randomblob(40)), 'done', i from n where {messages} > 0
            """);
    }

    /// <summary>The rows of each table as text, with the names of their columns.</summary>
    public static Dictionary<string, List<string>> Read(string path)
    {
        using var connection = Open(path);
        var tables = List(connection, """
            select name from sqlite_schema where type = 'table' and name not glob 'messages_text*' and name not glob 'sqlite*'
            """);
        return tables.ToDictionary(table => table, table =>
        {
            var columns = List(connection, $"select name from pragma_table_info('{table}') order by name");
            var row = string.Join(" || ' ' || ", columns.Select(column => $"'{column}=' || quote({column})"));
            return List(connection, $"select {row} from {table}").Order(StringComparer.Ordinal).ToList();
        });
    }

    public static void Same(Dictionary<string, List<string>> before, Dictionary<string, List<string>> after)
    {
        Assert.Equal(before.Keys.Order(), after.Keys.Order());
        Assert.All(before, table => Assert.Equal(table.Value, after[table.Key]));
    }

    public static string? Text(string path, string sql) => List(path, sql).FirstOrDefault();

    public static List<string> List(string path, string sql)
    {
        using var connection = Open(path);
        return List(connection, sql);
    }

    /// <summary>The first column of all rows of all statements, on whichever engine.</summary>
    public static List<string> List(DbConnection connection, string sql)
    {
        // Those of the program take one statement at a time; what they derive from takes several.
        using DbCommand command = connection is SqliteConnection file ? file.CreateCommand() : connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        do
        {
            while (reader.Read())
            {
                rows.Add(reader.GetValue(0).ToString()!);
            }
        }
        while (reader.NextResult());
        return rows;
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        connection.Open();
        return connection;
    }
}
