using System.Data.Common;
using System.Text.RegularExpressions;
using AiChat.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>The schemas of both engines have the same tables, columns, keys and indexes.</summary>
public sealed partial class PostgresSchemaTests : IDisposable
{
    private static readonly string[] _flags =
        ["unlimited", "hidden", "is_default", "pinned", "archived", "temporary", "local", "enabled", "shared", "truncated"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-schemas-");

    [PostgresFact]
    public void Both_engines_have_the_same_tables_columns_keys_and_indexes()
    {
        using var postgres = PostgresServer.NewDatabase();

        Assert.Equal(Sqlite(Columns).Order(StringComparer.Ordinal), Lines(postgres, """
            select c.table_name || '.' || c.column_name || ' ' || c.data_type || case c.is_nullable when 'NO' then ' not null' else '' end
            from information_schema.columns c
            where c.table_schema = 'public' and c.table_name not like 'messages\_text%'
                and c.table_name not in (
                    'installation', 'schema_steps', 'shared_locks', 'nodes', 'held_calls', 'changes', 'task_leases', 'throttles',
                    'brief_states', 'request_counts', 'request_ticks')
                and not (c.table_name = 'traces' and c.column_name in ('boot_id', 'bytes'))
            """).Order(StringComparer.Ordinal));
        Assert.Equal(Sqlite(Keys).Order(StringComparer.Ordinal), Lines(postgres, """
            select t.relname || ' ' || k.contype::text || ' ' || (
                select string_agg(a.attname, ',' order by place.n)
                from unnest(k.conkey) with ordinality as place (number, n)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = place.number)
                || case k.contype when 'f' then ' ' || f.relname || ' '
                    || case k.confdeltype when 'c' then 'CASCADE' when 'n' then 'SET NULL' else 'NO ACTION' end else '' end
            from pg_constraint k
            join pg_class t on t.oid = k.conrelid
            left join pg_class f on f.oid = k.confrelid
            where k.connamespace = 'public'::regnamespace and k.contype in ('p', 'u', 'f') and t.relname not like 'messages\_text%'
                and t.relname not in (
                    'schema_steps', 'shared_locks', 'nodes', 'held_calls', 'changes', 'task_leases', 'throttles', 'brief_states',
                    'request_counts', 'request_ticks')
            """).Order(StringComparer.Ordinal));
        Assert.Equal(Sqlite(Indexes).Order(StringComparer.Ordinal), Lines(postgres, """
            select i.indexdef from pg_indexes i
            where i.schemaname = 'public' and i.tablename not like 'messages\_text%'
                and i.tablename not in ('installation', 'held_calls', 'changes') and i.indexname <> 'traces_running'
                and not exists (select 1 from pg_constraint k where k.conname = i.indexname)
            """).Select(Plain).Order(StringComparer.Ordinal));
    }

    /// <summary>2^53 is what JavaScript counts to; at a million rows a second these reach it after 285 years.</summary>
    [PostgresFact]
    public void Ids_are_counted_from_one_by_one_and_so_stay_below_what_a_browser_can_count()
    {
        using var postgres = PostgresServer.NewDatabase();
        var generated = Lines(postgres, """
            select c.table_name || ' ' || c.identity_start || ' ' || c.identity_increment
            from information_schema.columns c
            where c.table_schema = 'public' and c.is_identity = 'YES'
            """);
        Assert.Contains("messages 1 1", generated);
        Assert.All(generated, line => Assert.EndsWith(" 1 1", line));
        Assert.Empty(Lines(postgres, """
            select c.table_name || '.' || c.column_name
            from information_schema.columns c
            where c.table_schema = 'public' and c.is_identity = 'NO' and c.column_default is not null
                and (c.column_default like '%nextval%' or c.column_default like '%random%' or c.column_default like '%uuid%')
            """));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private List<string> Sqlite(Func<DbConnection, IEnumerable<string>> read)
    {
        var lines = new List<string>();
        foreach (var (file, migrations) in new[] { ("app.db", "migrations/"), ("traces.db", "trace-migrations/") })
        {
            var path = Path.Combine(_folder.FullName, file);
            Migrator.Run(path, Migrator.Load(migrations));
            using var connection = SqliteConnections.OpenReader(path);
            lines.AddRange(read(connection));
        }

        return lines;
    }

    /// <summary>A key of one number needs no "not null" in SQLite.</summary>
    private static IEnumerable<string> Columns(DbConnection connection) => Lines(connection, """
        select t.name || '.' || c.name || ' ' || c.type || case when c."notnull" or c.pk > 0 then ' not null' else '' end
        from sqlite_schema t
        join pragma_table_info(t.name) c
        where t.type = 'table' and t.name not like 'messages\_text%' escape '\' and t.name not like 'sqlite\_%' escape '\'
        """).Select(line => TypeWord().Replace(line, found => found.Value.ToUpperInvariant() switch
        {
            " INTEGER" => _flags.Contains(line[(line.IndexOf('.') + 1)..line.IndexOf(' ')]) ? " boolean" : " bigint",
            " REAL" => " double precision",
            _ => " text",
        }));

    private static IEnumerable<string> Keys(DbConnection connection) => Lines(connection, """
        select t.name || ' ' || l.origin || ' '
            || (select group_concat(name, ',') from (select name from pragma_index_info(l.name) order by seqno))
        from sqlite_schema t
        join pragma_index_list(t.name) l on l.origin in ('pk', 'u')
        where t.type = 'table' and t.name not like 'messages\_text%' escape '\'
        union all
        select t.name || ' pk ' || c.name
        from sqlite_schema t
        join pragma_table_info(t.name) c on c.pk = 1 and c.type = 'INTEGER' collate nocase
        where t.type = 'table' and t.name not like 'messages\_text%' escape '\' and (select max(pk) from pragma_table_info(t.name)) = 1
        union all
        select t.name || ' f ' || f."from" || ' ' || f."table" || ' ' || f.on_delete
        from sqlite_schema t
        join pragma_foreign_key_list(t.name) f
        where t.type = 'table'
        """).Select(line => line.Replace(" pk ", " p ", StringComparison.Ordinal));

    private static IEnumerable<string> Indexes(DbConnection connection) =>
        Lines(connection, "select sql from sqlite_schema where type = 'index' and sql is not null").Select(Plain);

    /// <summary>The index without what only one engine writes.</summary>
    private static string Plain(string definition) =>
        Noise().Replace(definition.ToLowerInvariant(), "").Replace("ifnull", "coalesce", StringComparison.Ordinal);

    private static List<string> Lines(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var lines = new List<string>();
        while (reader.Read())
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }

    [GeneratedRegex(@" using btree|public\.|::\w+|[\s()""]")]
    private static partial Regex Noise();

    [GeneratedRegex(@" (integer|text|real)\b", RegexOptions.IgnoreCase)]
    private static partial Regex TypeWord();
}
