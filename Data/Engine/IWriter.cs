namespace AiChat.Data.Engine;

/// <summary>What carries out the writes of one database. Thread-safe.</summary>
internal interface IWriter : IDisposable
{
    /// <summary>Raised once when the database can no longer be trusted; the process should end.</summary>
    event Action<Exception>? Broken;

    /// <summary>Raised when another program has changed the database in a legitimate way.</summary>
    event Action? ChangedByOthers;

    /// <summary>Raised when text could not be added to the index of the search; it is tried again.</summary>
    event Action<Exception>? IndexFailed;

    /// <summary>Transactions committed since the start.</summary>
    long Commits { get; }

    /// <summary>How long it has been at one piece of work; zero while it waits for one.</summary>
    TimeSpan BusyFor { get; }

    void Enqueue(WriteItem item);
}
