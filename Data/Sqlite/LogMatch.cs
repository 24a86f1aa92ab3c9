using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>Compares the rows of <see cref="LogGeneration"/> that stand in a database file and in the log beside it.</summary>
internal static class LogMatch
{
    private const int HeadLength = 32;
    private const int FrameHeadLength = 24;

    /// <summary>Of a row: its key, and behind it its value.</summary>
    private static readonly byte[] Key = Encoding.ASCII.GetBytes(LogGeneration.Key);

    /// <summary>Reads both files as they are and changes nothing. False as long as nothing is certain.</summary>
    public static bool IsOfAnotherState(string database, string log) =>
        NewestIn(log) is { } newest && IsOfAnotherState(database, newest);

    /// <summary>As <see cref="IsOfAnotherState(string, string)"/>, by the row that the log really brings.</summary>
    /// <param name="replayed">A copy on which the log has been replayed.</param>
    /// <param name="content">Gets what the database would hold, as the rest of a sentence.</param>
    public static bool IsOfAnotherState(string database, SqliteConnection replayed, ref string content)
    {
        content = $", so that the database {Content(replayed)}";
        return Row(replayed) is not { } newest || IsOfAnotherState(database, newest);
    }

    /// <summary>What is in a file without its log, as the predicate of a sentence.</summary>
    public static string Content(string database)
    {
        try
        {
            using var connection = Open(database);
            return Content(connection);
        }
        catch (SqliteException error)
        {
            return $"cannot be read without its log ({error.Message})";
        }
    }

    private static string Content(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            select (select count(*) from users where role <> 'GUEST'), (select count(*) from sessions), (select count(*) from messages),
                (select max(created_at) from messages)
            """;
        using var reader = command.ExecuteReader();
        reader.Read();
        var newest = reader.IsDBNull(3) ? "" : $", the newest of {DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(3)):u}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"has {Count(0, "account")}, {Count(1, "chat")} and {Count(2, "message")}{newest}");

        string Count(int column, string one) => $"{reader.GetInt64(column)} {one}{(reader.GetInt64(column) == 1 ? "" : "s")}";
    }

    private static bool IsOfAnotherState(string database, LogGeneration newest)
    {
        try
        {
            using var connection = Open(database);
            return Row(connection) is { } row
                ? !row.IsBeside(newest)
                // A file from before such rows. In the middle of a checkpoint the row may be missing too, and then the table is torn.
                : newest.IsOpen && Text(connection, "pragma integrity_check('settings')") == "ok";
        }
        catch (SqliteException)
        {
            return false; // A checkpoint was under way.
        }
    }

    private static LogGeneration? Row(SqliteConnection connection) =>
        LogGeneration.Parse(Text(connection, $"select value from settings where key = '{LogGeneration.Key}'"));

    /// <summary>Whether its transaction was committed does not matter: the file held what the row says before it was written.</summary>
    private static LogGeneration? NewestIn(string log)
    {
        var head = new byte[HeadLength];
        using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16);
        file.ReadExactly(head);
        var frame = new byte[FrameHeadLength + BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8))];
        LogGeneration? newest = null;
        while (file.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false) == frame.Length
            && frame.AsSpan(8, 8).SequenceEqual(head.AsSpan(16, 8)))
        {
            newest = NewestIn(frame.AsSpan(FrameHeadLength)) ?? newest;
        }

        return newest;
    }

    /// <summary>The index of the table holds the key too, without a value behind it.</summary>
    private static LogGeneration? NewestIn(ReadOnlySpan<byte> page)
    {
        const int longest = 40;
        LogGeneration? newest = null;
        for (int at; (at = page.IndexOf(Key)) >= 0;)
        {
            page = page[(at + Key.Length)..];
            var words = Encoding.ASCII.GetString(page[..Math.Min(longest, page.Length)]).Split(' ');
            if (words is [var kind, var number, { Length: >= 8 } rest, ..]
                && LogGeneration.Parse($"{kind} {number} {rest[..8]}") is { } found && !(found.Number < newest?.Number))
            {
                newest = found;
            }
        }

        return newest;
    }

    private static SqliteConnection Open(string database)
    {
        var source = SqliteConnections.FileAlone(database);
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = source, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static string? Text(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string;
    }
}
