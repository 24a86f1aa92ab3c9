using System.Data.Common;
using System.Globalization;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using AiChat.Tests.Api;

namespace AiChat.Tests.Data;

/// <summary>Alone, because the threads of all databases of a process have the same names.</summary>
[Collection(nameof(Measured))]
public sealed class CheckpointerTests : IDisposable
{
    private const int Rows = 320;
    private const int RowSize = 64 << 10;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-checkpointer-");

    /// <summary>By the kernel's count of what each thread wrote.</summary>
    [Fact]
    public async Task The_database_file_is_written_by_a_thread_of_its_own_so_that_no_commit_waits_for_it()
    {
        var file = Path.Combine(_folder.FullName, "app.db");
        Migrator.Run(file);
        using var db = new Db(file);
        var (log, before) = (Written("db-writer"), Written("db-checkpointer"));
        for (var i = 0; i < Rows; i++)
        {
            await db.Write(connection => Put(connection, $"k{i}"));
        }

        await Eventually.Holds(() => Written("db-checkpointer") - before >= Rows / 2 * RowSize);
        Assert.InRange(Written("db-writer") - log, Rows * RowSize, (long)(1.5 * Rows * RowSize));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static int Put(DbConnection connection, string key)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"insert into settings (key, value, updated_at) values ('{key}', '{new string('x', RowSize)}', 0)";
        return command.ExecuteNonQuery();
    }

    private static long Written(string thread) =>
        (from task in Directory.EnumerateDirectories("/proc/self/task")
         where File.ReadAllText(Path.Combine(task, "comm")).Trim() == thread
         from line in File.ReadLines(Path.Combine(task, "io"))
         where line.StartsWith("wchar: ", StringComparison.Ordinal)
         select long.Parse(line["wchar: ".Length..], CultureInfo.InvariantCulture)).Sum();
}
