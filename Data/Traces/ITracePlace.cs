using System.Data.Common;
using AiChat.Data.Store;

namespace AiChat.Data.Traces;

/// <summary>Where task traces are: a file of their own, or tables that several servers share. Thread-safe.</summary>
internal interface ITracePlace
{
    /// <summary>Whether there is anything to read; false opens nothing.</summary>
    bool Exists { get; }

    /// <summary>The store, opened on first use.</summary>
    /// <exception cref="StoreException">There is none now.</exception>
    Db Open();

    /// <summary>Comes first in every piece of work that writes: a trace does not wait for the disk.</summary>
    void Begin(DbConnection connection);

    /// <summary>A trace was added, which is this process's until it ends.</summary>
    void Added(DbConnection connection, long id);

    /// <summary>Ends what processes that are gone have left running.</summary>
    Task EndGone();
}
