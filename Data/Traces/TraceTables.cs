using System.Data.Common;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Store;

namespace AiChat.Data.Traces;

/// <summary>The task traces in tables of the database on a server, where every process on it finds them.</summary>
internal sealed class TraceTables(Db db, NodeStore nodes) : ITracePlace
{
    public bool Exists => true;

    public Db Open() => db;

    public void Begin(DbConnection connection) => TraceTable.Begin(connection);

    public void Added(DbConnection connection, long id) => TraceTable.Own(connection, id, nodes.BootId);

    public Task EndGone() => db.Write(TraceTable.EndGone);
}
