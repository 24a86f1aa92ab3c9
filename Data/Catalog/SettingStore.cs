using AiChat.Data.Audit;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Catalog;

/// <summary>Rows of the settings table: the administrator's settings, and a few facts about the installation.</summary>
internal sealed class SettingStore(Db db)
{
    /// <summary>Writes a row without meaning, to prove that writing works.</summary>
    public static Task Touch(Db db, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            connection.Execute("""
                insert into settings (key, value, updated_at) values ('internal.probe', '', @at)
                on conflict (key) do update set updated_at = excluded.updated_at
                """, new { at });
        });
    }

    /// <summary>Keeps a fact about the installation unless there is one under this key; returns what is kept.</summary>
    /// <param name="key">Begins with internal.</param>
    public static Task<string> Keep(Db db, string key, string value, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            connection.Execute("""
                insert into settings (key, value, updated_at) values (@key, @value, @at) on conflict (key) do nothing
                """, new { key, value, at });
            return connection.QuerySingle<string>("select value from settings where key = @key", new { key });
        });
    }

    public Task<List<SettingRow>> List() => db.Read(connection => connection.Query<SettingRow>("""
        select key, value from settings where key not like 'internal.%' order by key limit 1000
        """).ToList());

    /// <summary>Stores these values in one transaction; a null removes the key.</summary>
    public Task Put(IReadOnlyDictionary<string, string?> values, AuditEntry audit, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            foreach (var (key, value) in values)
            {
                if (value is null)
                {
                    connection.Execute("delete from settings where key = @key", new { key });
                }
                else
                {
                    SealedTexts.Require(connection, value);
                    connection.Execute("""
                        insert into settings (key, value, updated_at) values (@key, @value, @at)
                        on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at
                        """, new { key, value, at });
                }
            }

            AuditLog.Append(connection, audit, now);
        });
    }
}

internal sealed class SettingRow
{
    public string Key { get; init; } = "";

    public string Value { get; init; } = "";
}
