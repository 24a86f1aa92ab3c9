using Dapper;

namespace AiChat.Data;

/// <summary>Rows of the settings table: what an administrator changes, and a few facts of the installation.</summary>
internal sealed class Settings(Db db)
{
    /// <summary>Writes a row that means nothing, to prove that writing works.</summary>
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

    public Task<List<SettingRow>> List() => db.Read(connection => connection.Query<SettingRow>("""
        select key, value from settings where key not like 'internal.%' order by key limit 1000
        """).ToList());
}

internal sealed class SettingRow
{
    public string Key { get; init; } = "";

    public string Value { get; init; } = "";
}
