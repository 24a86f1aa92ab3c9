using System.Data.Common;
using AiChat.Data.Audit;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Catalog;

/// <summary>A column of sealed texts: each is bound to "table|column|name of its row|v1".</summary>
/// <param name="Purpose">The purpose of its key, by name.</param>
internal sealed record SealedColumn(string Table, string Column, string Purpose, string Select, string Update);

/// <summary>Every text in the database that only the master key opens, for a change of that key.</summary>
internal sealed class SealedTexts(Db db)
{
    /// <summary>A column that is missing here would be lost with the old key. A test compares the list with the tables.</summary>
    public static readonly IReadOnlyList<SealedColumn> Columns =
    [
        new(
            "connections", "secret_keys", "ProviderSecrets",
            "select row_uuid as name, secret_keys as text from connections where secret_keys is not null",
            "update connections set secret_keys = @Text where row_uuid = @Name"),
        new(
            "connections", "secret_headers", "ProviderSecrets",
            "select row_uuid as name, secret_headers as text from connections where secret_headers is not null",
            "update connections set secret_headers = @Text where row_uuid = @Name"),
        new(
            "connections", "secret_proxy", "ProviderSecrets",
            "select row_uuid as name, secret_proxy as text from connections where secret_proxy is not null",
            "update connections set secret_proxy = @Text where row_uuid = @Name"),
        new(
            "settings", "value", "ProviderSecrets",
            "select key as name, value as text from settings where value like 'v1.%.%.%'",
            "update settings set value = @Text where key = @Name"),
        new(
            "shares", "sealed_token", "ShareTokens",
            "select token as name, sealed_token as text from shares",
            "update shares set sealed_token = @Text where token = @Name"),
    ];

    /// <summary>How many there are in a database of any schema, the proof of the key among them.</summary>
    public static int Count(DbConnection connection) => Columns
        .Where(column => SchemaTables.Columns(connection, column.Table).Exists(found => found.Name == column.Column))
        .Sum(column => connection.Query<SealedText>(column.Select).Count());

    /// <summary>Seals all texts anew, and the proof of the key with them, in one transaction: all or none.</summary>
    /// <param name="reseal">The new text, from the column and the row; null leaves the old one. Runs on the writer's thread.</param>
    /// <returns>How many were replaced, and how many were left.</returns>
    /// <exception cref="StoreException">Nothing was written; after Unavailable the outcome is unknown.</exception>
    public Task<(int Replaced, int Left)> Replace(
        Func<SealedColumn, SealedText, string?> reseal, AuditEntry audit, DateTimeOffset now) => db.Write(connection =>
    {
        RowLock.Shared(connection, RowLock.Settings);
        var (replaced, left) = (0, 0);
        foreach (var column in Columns)
        {
            foreach (var row in connection.Query<SealedText>(column.Select).ToList())
            {
                var text = reseal(column, row);
                replaced += text is null ? 0 : connection.Execute(column.Update, row with { Text = text });
                left += text is null ? 1 : 0;
            }
        }

        AuditLog.Append(connection, audit, now);
        return (replaced, left);
    });

    /// <summary>
    /// Refuses a text that was sealed before the master key was changed: the old key is gone at the next start. The caller seals it again.
    /// </summary>
    /// <param name="stored">What the row has; the same again is no news.</param>
    /// <exception cref="StoreException">Busy: the same call may succeed a moment later.</exception>
    public static void Require(DbConnection connection, string? text, string? stored = null)
    {
        if (text is null || text == stored)
        {
            return;
        }

        RowLock.Shared(connection, RowLock.Settings);
        var check = connection.QuerySingleOrDefault<string>("select value from settings where key = 'internal.key_check'");
        if (check is not null && KeyOf(text) is { } key && key != KeyOf(check))
        {
            throw new StoreException(StoreFailure.Busy, "The master key was changed meanwhile.");
        }
    }

    /// <summary>The id of the key in a sealed text; null for other texts.</summary>
    private static string? KeyOf(string text) => text.Split('.') is ["v1", var key, _, _] ? key : null;
}

/// <summary>A sealed text and the name of its row.</summary>
internal sealed record SealedText
{
    public string Name { get; init; } = "";

    public string Text { get; init; } = "";
}
