using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Chat;

/// <summary>The server's own questions pass the usage limits, are retried like any other and are entered in the ledger.</summary>
[Trait("Mode", "InProcess")]
public sealed class UtilityCompletionTests
{
    [Fact]
    public async Task It_is_answered_after_a_retry_and_costs_no_message_but_its_tokens()
    {
        var calls = 0;
        await using var upstream = ChatSteps.Provider(exchange => Interlocked.Increment(ref calls) == 1
            ? exchange.Reply(503, "{}")
            : OpenAiScript.Stream(exchange, " A short", " title\n"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var me = (await admin.GetJson("/api/auth/me")).GetProperty("user").Id();
        var model = server.Services.GetRequiredService<ModelCatalog>().Resolve(me, true, connection, "fake-model");

        var title = await server.Services.GetRequiredService<UtilityCompletion>().Ask(
            new CallPlace(me), true, model!, "You name chats.", "Hello?", 20, CancellationToken.None);

        Assert.Equal("A short title", title);
        Assert.Equal(20, upstream.Chats()[0].Request.Json.GetProperty("max_tokens").GetInt32());
        Assert.Equal(
            "done 7 2 provider",
            Text(server, "select concat_ws(' ', status, prompt_tokens, completion_tokens, source) from usage_entries"));
        Assert.Equal("0 0 9 0", Text(server, "select concat_ws(' ', messages, held_messages, tokens, held_tokens) from daily_usage"));
    }

    [Fact]
    public async Task A_used_up_budget_keeps_it_from_the_provider()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "no"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var me = (await admin.GetJson("/api/auth/me")).GetProperty("user").Id();
        var model = server.Services.GetRequiredService<ModelCatalog>().Resolve(me, true, connection, "fake-model");
        await (await admin.PatchJson("/api/settings/system", new { defaultDailyTokenBudget = 0 })).Json();

        Assert.Null(await server.Services.GetRequiredService<UtilityCompletion>().Ask(
            new CallPlace(me), true, model!, null, "Hello?", 20, CancellationToken.None));

        Assert.Empty(upstream.Chats());
    }

    private static string Text(TestServer server, string sql)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (string)command.ExecuteScalar()!;
    }
}
