using System.Text.Json.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>A user's preferences for the page: a JSON object in the user's row.</summary>
internal sealed class Preferences(Db db)
{
    public Task<string?> Find(long userId) => db.Read(connection => connection.QuerySingleOrDefault<string>(
        "select preferences from users where id = @userId", new { userId }));

    /// <summary>Merges the patch into the preferences; a null member removes. Returns the merged object.</summary>
    public Task<string?> Patch(long userId, JsonObject patch) => db.Write(connection =>
    {
        RowLock.User(connection, userId);
        var stored = connection.QuerySingleOrDefault<string>("select preferences from users where id = @userId", new { userId });
        if (stored is null)
        {
            return null;
        }

        var merged = JsonNode.Parse(stored)!.AsObject();
        foreach (var (name, value) in patch)
        {
            merged.Remove(name);
            if (value is not null)
            {
                merged[name] = value.DeepClone();
            }
        }

        var preferences = merged.ToJsonString();
        connection.Execute("update users set preferences = @preferences where id = @userId", new { preferences, userId });
        return preferences;
    });
}
