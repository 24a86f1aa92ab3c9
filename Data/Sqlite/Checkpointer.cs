using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Brings the log (-wal) into the database file beside the writer, on a thread and a connection of its own, so that no commit waits for it.
/// It cannot empty the log while commits follow: what it leaves is little, and the writer brings that in itself.
/// </summary>
/// <param name="path">The database.</param>
internal sealed class Checkpointer(string path) : IDisposable
{
    private readonly AutoResetEvent _asked = new(false);
    private Thread? _thread;
    private bool _isClosed;
    private bool _isBusy;
    private bool _wrote;

    /// <summary>Whether a checkpoint is under way or was asked for.</summary>
    public bool IsBusy => Volatile.Read(ref _isBusy);

    /// <summary>Begins one unless it is under way. Called by the writer's thread alone.</summary>
    public void Begin()
    {
        if (IsBusy)
        {
            return;
        }

        Volatile.Write(ref _isBusy, true);
        Volatile.Write(ref _wrote, true);
        if (_thread is null)
        {
            _thread = new Thread(Loop) { IsBackground = true, Name = "db-checkpointer" };
            _thread.Start();
        }

        _asked.Set();
    }

    /// <summary>Whether it may have changed the file since the last call.</summary>
    public bool TakeWrote()
    {
        var goesOn = IsBusy;
        var wrote = Volatile.Read(ref _wrote);
        Volatile.Write(ref _wrote, goesOn);
        return wrote;
    }

    /// <summary>Waits for one that is under way.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _isClosed, true);
        _asked.Set();
        _thread?.Join();
        _asked.Dispose();
    }

    private void Loop()
    {
        SqliteConnection? connection = null;
        try
        {
            while (_asked.WaitOne() && !Volatile.Read(ref _isClosed))
            {
                try
                {
                    connection ??= SqliteConnections.OpenWriter(path);
                    using var command = connection.CreateCommand();
                    command.CommandText = "pragma wal_checkpoint(passive)";
                    command.ExecuteNonQuery();
                }
                catch (SqliteException)
                {
                    // The log keeps what could not be brought in, and the next one tries again.
                }

                Volatile.Write(ref _isBusy, false);
            }
        }
        finally
        {
            connection?.Dispose();
        }
    }
}
