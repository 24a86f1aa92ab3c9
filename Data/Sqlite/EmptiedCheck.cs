using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Guards a folder that has had an account against a database without any: its log was deleted by hand, or it is an earlier copy. To begin
/// anew there would offer the first registration to whoever comes and hide that something is missing.
/// </summary>
internal static class EmptiedCheck
{
    /// <summary>Looks at the file before it is opened for writing. With a log beside it nothing is certain yet.</summary>
    /// <exception cref="StartupException">There is no account; nothing was changed.</exception>
    public static void Run(string database)
    {
        if (new FileInfo(database + "-wal") is { Exists: true, Length: > 0 })
        {
            return;
        }

        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder
            {
                DataSource = SqliteConnections.FileAlone(database),
                Mode = SqliteOpenMode.ReadOnly,
                Pooling = false,
            }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "select exists (select 1 from users where role <> 'GUEST')";
            if (command.ExecuteScalar() is 1L)
            {
                return;
            }
        }
        catch (SqliteException)
        {
            return; // what is wrong with the file is told by the checks that follow
        }

        throw Refusal(database);
    }

    public static StartupException Refusal(string database) => new(
        StartupException.Configuration,
        $"The database {database} has no account, but this folder has had one: its log (-wal) was removed, or it is an earlier file. "
        + "Put it back or restore a backup; start with --init only to begin anew.");
}
