using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>A user's preferences for the page: a JSON object in the user's row.</summary>
internal sealed class Preferences(Db db)
{
    public Task<string?> Find(long userId) => db.Read(connection => connection.QuerySingleOrDefault<string>(
        "select preferences from users where id = @userId", new { userId }));

    /// <summary>Merges the patch into the preferences; a null member removes. Returns the merged object.</summary>
    public Task<string?> Patch(long userId, string patch) => db.Write(connection => connection.QuerySingleOrDefault<string>("""
        update users set preferences = json_patch(preferences, @patch) where id = @userId returning preferences
        """, new { userId, patch }));
}
