using System.Data;
using System.Data.Common;
using System.Globalization;
using AiChat.Data.Accounts;
using AiChat.Data.Postgres;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace AiChat.Data.Moves;

/// <summary>
/// A database of PostgreSQL as one end of a move. No server may use it meanwhile: one that is filled has a table that says so until it is
/// complete. Its triggers, which tell of changes, rest while it is filled.
/// </summary>
internal sealed class PostgresMoveStore : IMoveStore
{
    /// <summary>A whole table is one statement.</summary>
    private const string NoLimits = "statement_timeout = 0; set idle_in_transaction_session_timeout = 0";

    private readonly PostgresServers _servers;
    private readonly PostgresConnection _connection;
    private DbTransaction? _snapshot;

    private PostgresMoveStore(PostgresServers servers, string access)
    {
        _servers = servers;
        _connection = servers.Open($"default_transaction_read_only = {access}; set {NoLimits}");
    }

    public string Place => _servers.Url.Place;

    public DbConnection Connection => _connection;

    public Dictionary<string, long> Replaced { get; } = [];

    /// <summary>The database of stopped servers, which is only read, as it is at one moment.</summary>
    /// <param name="servers">Stays the caller's.</param>
    /// <exception cref="StartupException">It cannot be used, has another schema than this program, or a server uses it.</exception>
    public static PostgresMoveStore OpenSource(PostgresServers servers) => Open(servers, "on", store =>
    {
        var newest = PostgresMigrator.NewestSchema;
        var found = PostgresMigrator.IsThere(store._connection, "schema_steps")
            ? store.Number("select coalesce(max(version), 0) from schema_steps") : 0;
        if (found != newest || PostgresMigrator.IsThere(store._connection, MoveMark.Table))
        {
            throw Refused(store, found == 0 ? "holds no AiChat. DATABASE_URL names the store to be moved."
                : found == newest ? "holds a part of another store: its move was interrupted."
                : $"has schema {found}, and this program moves schema {newest}: "
                    + (found < newest ? "start a server once, which upgrades it." : "use the newer program that wrote it."));
        }

        var alive = NodeTable.List(store._connection).Where(node => node.Age < NodeTable.Lease.TotalMilliseconds).ToList();
        if (alive.Count > 0)
        {
            var where = string.Concat(alive.Select(node => node.Address).OfType<string>().Select(address => ", " + address));
            throw new StartupException(
                StartupException.TemporaryFailure,
                $"{(alive.Count == 1 ? "A server uses" : $"{alive.Count} servers use")} the database at {store.Place}{where}. Stop all of "
                + "them first; one that was killed counts for six seconds.");
        }

        servers.ClaimAlone();
        store._snapshot = store._connection.BeginTransaction(IsolationLevel.RepeatableRead);
    });

    /// <summary>The installation whose rows a source holds.</summary>
    public InstanceMarker Instance()
    {
        using var command = Command("select install_id, created_at, exists (select 1 from users where role <> 'GUEST') from installation");
        using var reader = command.ExecuteReader();
        reader.Read();
        return new InstanceMarker(reader.GetString(0), reader.GetInt64(1), reader.GetBoolean(2));
    }

    /// <summary>An empty database, or one that an interrupted move of the same installation has begun.</summary>
    /// <param name="servers">Stays the caller's.</param>
    /// <exception cref="StartupException">It cannot be used, or is not empty.</exception>
    public static PostgresMoveStore OpenTarget(PostgresServers servers, InstanceMarker instance, DateTimeOffset now) =>
        Open(servers, "off", store =>
        {
            PostgresMigrator.Judge(store._connection, servers.Url);
            servers.ClaimAlone();
            store.Mark(instance);
            PostgresMigrator.Run(servers, now, isMove: true);
            store.Prepare(instance);
        });

    /// <summary>The columns that are boolean, as table.column.</summary>
    public HashSet<string> Flags() => [.. Texts("""
        select table_name || '.' || column_name from information_schema.columns
        where table_schema = current_schema() and data_type = 'boolean'
        """)];

    public IEnumerable<object?[]> Rows(MoveTable table, object[]? after)
    {
        var key = Key(table, "");
        var where = after is null ? "" : $" where ({key}) > ({string.Join(", ", after.Select((_, place) => $"@key{place}"))})";
        var order = key.Length > 0 ? $" order by {key}" : "";
        using var command = Command($"select {table.ColumnList} from \"{table.Name}\"{where}{order}");
        foreach (var (place, value) in (after ?? []).Index())
        {
            command.Parameters.Add(value is long number
                ? new NpgsqlParameter<long>($"key{place}", number) : new NpgsqlParameter<string>($"key{place}", (string)value));
        }

        using var reader = command.ExecuteReader();
        var values = new object?[table.Columns.Count];
        while (reader.Read())
        {
            foreach (var column in table.Columns)
            {
                values[column.Place] = reader.IsDBNull(column.Place) ? null : column.Kind switch
                {
                    MoveKind.Text => reader.GetString(column.Place),
                    MoveKind.Real => reader.GetDouble(column.Place),
                    MoveKind.Flag => reader.GetBoolean(column.Place) ? 1L : 0L,
                    _ => reader.GetInt64(column.Place),
                };
            }

            yield return values;
        }
    }

    public long Count(MoveTable table) => Number($"select count(*) from \"{table.Name}\"");

    public object[]? LastKey(MoveTable table)
    {
        if (table.Key.Count == 0)
        {
            return null;
        }

        var names = string.Join(", ", table.Key.Select(column => column.Quoted));
        using var command = Command($"select {names} from \"{table.Name}\" order by {Key(table, " desc")} limit 1");
        using var reader = command.ExecuteReader();
        return reader.Read() ? [.. Enumerable.Range(0, table.Key.Count).Select(reader.GetValue)] : null;
    }

    public bool Append(MoveTable table, IEnumerator<object?[]> rows)
    {
        using var transaction = _connection.BeginTransaction();
        if (table.Key.Count == 0)
        {
            Execute($"delete from \"{table.Name}\"");
        }

        var (batch, more) = (default(MoveBatch), true);
        using (var copy = _connection.Copy($"copy \"{table.Name}\" ({table.ColumnList}) from stdin (format binary)"))
        {
            while ((table.Key.Count == 0 || !batch.IsFull) && (more = rows.MoveNext()))
            {
                batch.Add(rows.Current);
                Write(copy, table, rows.Current);
            }

            copy.Complete();
        }

        transaction.Commit();
        return more;
    }

    public Dictionary<string, long> Counters() => Counted().ToDictionary(table => table, table =>
    {
        var counter = Texts($"select pg_get_serial_sequence('\"{table}\"', 'id')")[0];
        return Number($"select case when is_called then last_value else 0 end from {counter}");
    });

    public void Finish(IReadOnlyList<MoveTable> tables, IReadOnlyDictionary<string, long> counters, Action<DbConnection> last)
    {
        using (var transaction = _connection.BeginTransaction())
        {
            foreach (var table in Counted().Intersect(tables.Select(table => table.Name)))
            {
                var newest = Math.Max(
                    counters.GetValueOrDefault(table), Number($"select coalesce(max(id), 0) from \"{table}\""));
                var values = newest > 0 ? string.Create(CultureInfo.InvariantCulture, $"{newest}, true") : "1, false";
                Number($"select setval(pg_get_serial_sequence('\"{table}\"', 'id'), {values})");
            }

            // What calls of the other store held is told nowhere here, and so would never be released.
            UsageLimits.Reset(_connection);
            Execute("insert into messages_text_due (id) select id from messages where content <> '' on conflict (id) do nothing");
            last(_connection);
            Switch(tables, "enable");
            Execute($"drop table {MoveMark.Table}");
            transaction.Commit();
        }

        Execute("analyze");
    }

    public void Dispose()
    {
        _snapshot?.Dispose();
        _connection.Dispose();
    }

    /// <summary>Says that the database is being filled, before there is anything that a server would start on.</summary>
    private void Mark(InstanceMarker instance)
    {
        using var transaction = _connection.BeginTransaction();
        AdvisoryLock.TakeToMigrate(_connection, _servers.Url);
        if (PostgresMigrator.IsThere(_connection, MoveMark.Table))
        {
            if (Texts($"select install_id from {MoveMark.Table}") is not [var owner] || owner != instance.InstallId)
            {
                throw Refused(this, "holds a part of another installation. Name an empty database.");
            }

            return;
        }

        if (PostgresMigrator.IsThere(_connection, "schema_steps"))
        {
            throw Refused(this, Texts("select install_id from installation") is [var known] && known == instance.InstallId
                ? "holds this installation already: a move into it is complete."
                : "holds an AiChat already. Name an empty database, or drop that one and create it again.");
        }

        // What extensions bring, such as statistics, is not in the way.
        if (Texts("""
            select relname from pg_class c
            where c.relnamespace = cast(current_schema() as regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e')
            limit 1
            """) is [var other])
        {
            throw Refused(this, $"holds tables of another program ({other}). Name an empty database.");
        }

        Execute($"create table {MoveMark.Table} (install_id text not null, ready boolean not null default false)");
        _connection.Execute($"insert into {MoveMark.Table} (install_id) values (@InstallId)", new { instance.InstallId });
        transaction.Commit();
    }

    private void Prepare(InstanceMarker instance)
    {
        if (Number($"select count(*) from {MoveMark.Table} where ready = true") > 0)
        {
            return;
        }

        using var transaction = _connection.BeginTransaction();
        Execute("delete from connections"); // the migrations insert one
        _connection.Execute(
            "update installation set install_id = @InstallId, created_at = @CreatedAt", new { instance.InstallId, instance.CreatedAt });
        Switch(MoveTable.All(Flags()), "disable");
        Execute("delete from changes");
        Execute($"update {MoveMark.Table} set ready = true");
        transaction.Commit();
    }

    private void Switch(IReadOnlyList<MoveTable> tables, string how)
    {
        foreach (var table in tables)
        {
            Execute($"alter table \"{table.Name}\" {how} trigger user");
        }
    }

    /// <summary>The tables whose ids the database gives.</summary>
    private List<string> Counted() => [.. Texts("""
        select table_name from information_schema.columns
        where table_schema = current_schema() and is_identity = 'YES' and column_name = 'id'
        order by table_name
        """)];

    /// <summary>Text by its bytes, as SQLite orders it, whatever the order of the database is.</summary>
    private static string Key(MoveTable table, string direction) => string.Join(", ", table.Key.Select(column =>
        $"{column.Quoted}{(column.Kind == MoveKind.Text ? " collate \"C\"" : "")}{direction}"));

    private static void Write(NpgsqlBinaryImporter copy, MoveTable table, object?[] values)
    {
        copy.StartRow();
        foreach (var column in table.Columns)
        {
            switch (values[column.Place], column.Kind)
            {
                case (null, _):
                    copy.WriteNull();
                    break;
                case (long flag, MoveKind.Flag):
                    copy.Write(flag != 0, NpgsqlDbType.Boolean);
                    break;
                case (long number, _):
                    copy.Write(number, NpgsqlDbType.Bigint);
                    break;
                case (double number, _):
                    copy.Write(number, NpgsqlDbType.Double);
                    break;
                case (var text, _):
                    copy.Write((string)text, NpgsqlDbType.Text);
                    break;
            }
        }
    }

    private static PostgresMoveStore Open(PostgresServers servers, string access, Action<PostgresMoveStore> begin)
    {
        PostgresMoveStore? store = null;
        try
        {
            PostgresStart.Judge(servers);
            store = new PostgresMoveStore(servers, access);
            begin(store);
            return store;
        }
        catch (Exception error)
        {
            store?.Dispose();
            throw error is DbException or StoreException
                ? PostgresRefusal.Of(servers.Url, (error as StoreException)?.InnerException ?? error) : error;
        }
    }

    private static StartupException Refused(PostgresMoveStore store, string what) =>
        new(StartupException.Configuration, $"The database at {store.Place} {what}");

    private DbCommand Command(string sql)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = 0;
        return command;
    }

    private List<string> Texts(string sql)
    {
        using var command = Command(sql);
        using var reader = command.ExecuteReader();
        var texts = new List<string>();
        while (reader.Read())
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }

    private long Number(string sql)
    {
        using var command = Command(sql);
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private void Execute(string sql)
    {
        using var command = Command(sql);
        command.ExecuteNonQuery();
    }
}
