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

    /// <summary>Whether a full place is one that has reached its bound, so that deleting makes room.</summary>
    bool HasOwnBound { get; }

    /// <summary>Comes first in every piece of work that writes: a trace does not wait for the disk.</summary>
    void Begin(DbConnection connection);

    /// <summary>A trace was added, which is this process's until it ends.</summary>
    void Added(DbConnection connection, long id);

    /// <summary>Writes the states of traces and adds their events; those of a trace that was deleted meanwhile are dropped.</summary>
    /// <param name="ids">Of the traces, in their order.</param>
    void Store(DbConnection connection, List<long> ids, IReadOnlyList<TraceBatch> batches);

    /// <summary>After a write: the oldest traces go when all of them take too much.</summary>
    /// <param name="written">What was written.</param>
    Task KeepBelowBound(IReadOnlyList<TraceBatch> written);

    /// <summary>Ends what processes that are gone have left running.</summary>
    Task EndGone();
}
