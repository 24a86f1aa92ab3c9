using System.Diagnostics;
using AiChat.Tests.Providers;

namespace AiChat.Tests.Chat;

/// <summary>Chats with providers that send as fast as they can do not slow other requests.</summary>
public sealed class FloodChatTests
{
    [Theory]
    [InlineData("comments")]
    [InlineData("empty frames")]
    [InlineData("broken frames")]
    [InlineData("empty pieces")]
    [InlineData("chunks of one byte")]
    [InlineData("chunk extensions")]
    [InlineData("gzip")]
    [InlineData("empty gzip members")]
    public async Task The_server_answers_beside_three_hostile_chats(string name)
    {
        await using var upstream = ChatSteps.Provider(exchange => FloodScript.Send(exchange, name));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        using var other = server.Client();
        var sessions = new[] { await admin.NewSession(connection), await admin.NewSession(connection), await admin.NewSession(connection) };
        await Health(other);

        var chats = Task.WhenAll(sessions.Select(session => admin.AskAndWait(session, "go")));
        List<double> waits = [];
        while (!chats.IsCompleted)
        {
            waits.Add(await Health(other));
            await Task.WhenAny(chats, Task.Delay(20));
        }

        Assert.All(
            await chats,
            answer => Assert.Equal(("failed", "provider_protocol"), (answer.Text("status"), answer.GetProperty("error").Text("code"))));
        Assert.Equal(3, upstream.Chats().Count);
        waits.Sort();
        Assert.True(
            waits[waits.Count / 2] <= 150 && waits[^1] <= 1_500,
            $"health took {waits[waits.Count / 2]:0} ms in the middle, {waits[^1]:0} ms at most, of {waits.Count}");
    }

    private static async Task<double> Health(HttpClient client)
    {
        var since = Stopwatch.GetTimestamp();
        (await client.GetAsync("/api/health")).EnsureSuccessStatusCode();
        return Stopwatch.GetElapsedTime(since).TotalMilliseconds;
    }
}
