using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Nodes;

/// <summary>A server that loses the database while others have it.</summary>
public sealed class OutageTests
{
    [PostgresFact]
    public async Task A_server_without_the_database_refuses_and_what_it_wrote_is_ended_once()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = NodeGroup.Empty();
        await using var wire = new Wire(new Uri(nodes.Database).Port);
        await nodes.Add();
        var away = await nodes.Add(variables: new()
        {
            ["DATABASE_URL"] = new UriBuilder(nodes.Database) { Port = wire.Port }.Uri.AbsoluteUri,
        });
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await Eventually.Holds(async () => (await admin.At(away).GetJson("/api/catalog/models")).GetRawText().Contains("fake-model"));
        await using var stream = await admin.Http.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        await Eventually.Holds(async () => (await admin.At(nodes.A).Messages(session))[^1].Text("content") == "half");

        wire.Cut();
        await Eventually.Holds(async () =>
            (await admin.At(away).GetAsync("/api/auth/me")).StatusCode == HttpStatusCode.ServiceUnavailable);
        await (await admin.Http.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.ServiceUnavailable, "storage_unavailable");
        await Eventually.Holds(async () => (await admin.At(nodes.A).Messages(session))[^1].Text("status") == "interrupted");
        wire.Mend();

        // It begins anew under another name, and closes what it had begun.
        await (await upstream.NextChatAsync()).ClientGone.WaitAsync(TimeSpan.FromSeconds(15));
        Assert.Equal("interrupted", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        await Eventually.Holds(async () => (await admin.At(away).GetAsync("/api/auth/me")).IsSuccessStatusCode);
        Assert.Equal("half", (await admin.Http.Messages(session))[^1].Text("content"));
    }

    [NativePostgresFact]
    public async Task A_request_during_an_outage_is_one_line_of_the_log()
    {
        await using var nodes = NodeGroup.Empty();
        await using var wire = new Wire(new Uri(nodes.Database).Port);
        var server = await nodes.Add(variables: new()
        {
            ["DATABASE_URL"] = new UriBuilder(nodes.Database) { Port = wire.Port }.Uri.AbsoluteUri,
        });
        var admin = await nodes.Admin();

        wire.Cut();
        await (await admin.Http.GetAsync("/api/sessions")).ExpectProblem(HttpStatusCode.ServiceUnavailable, "storage_unavailable");

        await Eventually.Holds(() =>
            server.Output.Contains("GET /api/sessions failed: The database cannot be reached now. ", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", server.Output, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task A_folder_without_the_address_of_its_database_says_that_it_is_missing()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-node-");
        try
        {
            await using (var nodes = NodeGroup.Empty())
            {
                await nodes.Add(dataDir: folder.FullName);
                await nodes.A.StopAsync();
            }

            var refused = await Assert.ThrowsAsync<ServerStartException>(
                () => TestServer.StartAsync(new TestServerOptions
                {
                    DataDir = folder.FullName,
                    Variables = new Dictionary<string, string> { ["DATABASE_URL"] = "" },
                }));

            Assert.Equal(78, refused.ExitCode);
            Assert.Contains("name its database in DATABASE_URL", refused.Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
