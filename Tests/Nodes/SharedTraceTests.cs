using System.Net;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Traces;
using AiChat.Tests.Chat;
using AiChat.Tests.Data;
using Dapper;

namespace AiChat.Tests.Nodes;

/// <summary>Task traces of several servers are in tables that all of them read.</summary>
public sealed class SharedTraceTests
{
    [PostgresFact]
    public async Task What_one_server_records_another_shows_and_deletes()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await NodeGroup.Set(admin, new { taskTraceEnabled = true, taskTraceDefaultOn = true });
        await admin.Http.Record(session, "What is seen elsewhere?");
        var (here, events) = await admin.Http.OnlyTrace();

        var (there, same) = await admin.At(nodes.B).OnlyTrace();
        Assert.Equal(here.GetRawText(), there.GetRawText());
        Assert.Equal(events.Select(one => one.GetRawText()), same.Select(one => one.GetRawText()));
        Assert.Equal("completed", there.Text("status"));
        await (await admin.Http.DeleteAsync($"/api/task-trace/{there.Id()}")).Expect(HttpStatusCode.NoContent);
        Assert.Empty(await admin.At(nodes.A).Traces());
        Assert.All(nodes.All, server => Assert.False(File.Exists(Path.Combine(server.DataDir, "traces.db"))));
    }

    [PostgresFact]
    public async Task A_trace_of_a_server_that_is_gone_is_ended_by_another()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        using (var connection = PostgresServer.Connect(nodes.Database))
        {
            PostgresServer.Run(connection, """
                insert into traces (user_id, actor, kind, status, event_count, truncated, started_at, boot_id)
                values (1, 'admin', 'send', 'running', 1, false, 5, 'gone'),
                    (1, 'admin', 'send', 'running', 1, false, 5, (select min(boot_id) from nodes));
                insert into trace_events (trace_id, seq, type, at, payload) select min(id), 1, 'start', 7, '{}' from traces
                """);
        }

        await Eventually.Holds(async () => (await admin.Http.Traces("?status=failed")).Count == 1);
        var ended = Assert.Single(await admin.Http.Traces("?status=failed"));
        Assert.Equal(["start", "end"], (await admin.Http.TraceEvents(ended.Id())).Types());
        Assert.Single(await admin.Http.Traces("?status=running"));
    }

    [PostgresFact]
    public async Task Many_events_travel_together_and_the_oldest_traces_go_when_all_take_too_much()
    {
        using var db = PostgresStoreTests.Open(out _);
        var nodes = new NodeStore(db);
        var store = new TraceStore(new TraceTables(db, nodes, maxBytes: 1));
        var payload = "{\"text\":\"" + new string('字', 20_000) + "\\u0000\"}";
        var ids = await store.Write([.. Enumerable.Range(1, 4).Select(at => Batch(at, 0, 1, 2))]);
        Assert.Equal([1L, 2L], (await store.Events(ids[0], 0, 10)).Select(item => item.Seq));
        Assert.All(await store.Events(ids[3], 0, 10), item => Assert.Equal(("kind", 5L, payload), (item.Type, item.At, item.Payload)));
        Assert.Equal(4, await Count()); // what runs stays, whatever it takes
        await db.Write(connection => connection.Execute("delete from traces where id = @id", new { id = ids[1] }));

        // Each takes 180,000 bytes now; one was deleted meanwhile.
        store = new TraceStore(new TraceTables(db, nodes, maxBytes: 400_000));
        await store.Write([.. ids.Select((id, at) => Batch(at + 1, id, 3, 1) with { Status = "completed", EndedAt = 9 })]);

        var left = (await store.List(new TraceFilter(null, null, null), 10, 0)).Rows;
        Assert.Equal([ids[3], ids[2]], left.Select(trace => trace.Id));
        Assert.All(left, trace => Assert.Equal(("completed", 9L, 3L), (trace.Status, trace.EndedAt, trace.EventCount)));

        async Task<long> Count() => (await store.List(new TraceFilter(null, null, null), 10, 0)).Total;

        TraceBatch Batch(long startedAt, long id, int from, int count) => new()
        {
            Id = id,
            Head = new TraceHead { UserId = 1, Actor = "a", Kind = "send", StartedAt = startedAt },
            Events =
            [
                .. Enumerable.Range(from, count).Select(seq => new TraceEventRow { Seq = seq, Type = "kind", At = 5, Payload = payload }),
            ],
            Status = "running",
            EventCount = from + count - 1,
        };
    }

    [PostgresFact]
    public void Only_the_transaction_of_a_trace_does_not_wait_for_the_disk()
    {
        using var connection = PostgresServer.NewDatabase();
        using (var transaction = connection.BeginTransaction())
        {
            TraceTable.Begin(connection);
            Assert.Equal("off", Shown(connection));
            transaction.Commit();
        }

        Assert.NotEqual("off", Shown(connection));
    }

    private static string Shown(Npgsql.NpgsqlConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "show synchronous_commit";
        return (string)command.ExecuteScalar()!;
    }
}
