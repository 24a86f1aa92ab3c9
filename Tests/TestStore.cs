using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests;

/// <summary>The database of a server under test, beside it, on whichever engine it runs.</summary>
internal static class TestStore
{
    /// <summary>A connection of its own, open.</summary>
    public static DbConnection Open(string dataDir)
    {
        if (PostgresServer.DirectUrlFor(dataDir) is { } url)
        {
            return PostgresServer.Connect(url);
        }

        var path = Path.Combine(dataDir, "app.db");
        var connection = new SqliteConnection($"Data Source={path};Pooling=false;Default Timeout=20");
        connection.Open();
        return connection;
    }

    public static void Add(this DbCommand command, string name, object value)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = (name, value);
        command.Parameters.Add(parameter);
    }
}
