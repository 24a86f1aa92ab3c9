using AiChat.Data.Audit;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>The picture files of users, the assistant and the installation. A replaced file is queued for removal.</summary>
internal sealed class Avatars(Db db)
{
    public Task<string?> Find(long userId) => db.Read(connection => connection.QuerySingleOrDefault<string?>("""
        select avatar_file from users where id = @userId and role <> 'GUEST'
        """, new { userId }));

    /// <summary>False when the user no longer exists.</summary>
    public Task<bool> Set(long userId, string? file) => db.Write(connection => connection.Execute("""
        update users set avatar_file = @file where id = @userId and role <> 'GUEST'
        """, new { userId, file }) == 1);

    /// <param name="key">The row of the settings that names the file.</param>
    public Task<string?> FindShared(string key) => db.Read(connection => connection.QuerySingleOrDefault<string?>("""
        select value from settings where key = @key
        """, new { key }));

    public Task SetShared(string key, string? file, AuditEntry audit, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            connection.Execute("""
                insert into doomed_files (file) select value from settings where key = @key on conflict do nothing
                """, new { key });
            connection.Execute("delete from settings where key = @key", new { key });
            if (file is not null)
            {
                connection.Execute("""
                    insert into settings (key, value, updated_at) values (@key, @file, @at)
                    """, new { key, file, at });
            }

            AuditLog.Append(connection, audit, now);
        });
    }
}
