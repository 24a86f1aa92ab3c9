using System.Net;
using AiChat.Data.Traces;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiChat.Tests.Chat;

/// <summary>Places, queues and connections are released when the work that took them fails, is closed or is abandoned.</summary>
[Trait("Mode", "InProcess")]
public sealed class ReleaseTests
{
    [Fact]
    public async Task A_reader_whose_login_cannot_be_looked_up_is_not_counted_for_ever()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(server.DataDir, "app.db")};Pooling=false"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "pragma legacy_alter_table = on; pragma foreign_keys = off; alter table users rename to gone_users;";
            command.ExecuteNonQuery();
        }

        var streamer = server.Services.GetRequiredService<RunStreamer>();
        var me = new CurrentUser(4_711, "USER", "x", 0, 0, null) { Client = new Client(IPAddress.Loopback) { Names = [] } };
        for (var i = 0; i < 50; i++)
        {
            var context = new DefaultHttpContext { RequestServices = server.Services };
            await Assert.ThrowsAnyAsync<Exception>(() => streamer.Stream(context, me, new RunLog(), 0, follow: true));
        }
    }

    [Fact]
    public async Task Waiting_for_traces_ends_when_they_are_closed_meanwhile()
    {
        await using var server = await TestServer.StartAsync();
        var services = server.Services;
        for (var round = 0; round < 300; round++)
        {
            var traces = new TaskTraces(
                services.GetRequiredService<TraceStore>(), services.GetRequiredService<SystemSettings>(),
                services.GetRequiredService<Redactor>(), services.GetRequiredService<BackgroundWork>(), TimeProvider.System,
                NullLogger<TaskTraces>.Instance);
            traces.Enqueue(new TraceQueueMarker()); // from now on there is a queue
            using var both = new Barrier(2);
            var waiting = Task.Run(() =>
            {
                both.SignalAndWait();
                return traces.Stored();
            });
            var closing = Task.Run(async () =>
            {
                both.SignalAndWait();
                await traces.DisposeAsync();
            });
            await Task.WhenAll(waiting, closing).WaitAsync(TimeSpan.FromSeconds(10));
            Assert.False(traces.Enqueue(new TraceQueueMarker()));
            Assert.True(traces.Stored().IsCompleted);
        }
    }

    [Fact]
    public async Task A_call_that_is_left_while_it_waits_closes_its_connection()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var catalog = server.Services.GetRequiredService<ModelCatalog>();
        var plan = new CallPlan
        {
            UserId = 1,
            IsAdmin = true,
            Models = [catalog.Resolve(1, true, connection, "fake-model")!],
            Request = (model, endpoint) => ValueTask.FromResult(
                new ChatRequest { Endpoint = endpoint, Model = model.Model, Turns = [new ChatTurn(ChatRole.User, "go")] }),
        };
        var call = await server.Services.GetRequiredService<ProviderCalls>().Open(plan, CancellationToken.None);
        Assert.True(await call.MoveNextAsync());
        Assert.IsType<ChatDelta.Text>(call.Take());
        var waiting = call.Meanwhile(call.MoveNextAsync());
        Assert.False(waiting.IsCompleted);

        await call.DisposeAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await (await upstream.NextChatAsync()).ClientGone.WaitAsync(TimeSpan.FromSeconds(5));
    }
}
