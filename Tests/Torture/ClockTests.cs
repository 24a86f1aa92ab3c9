using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>A wall clock that is wrong or jumps; the monotonic clock goes on, as after a suspended laptop wakes up.</summary>
public sealed class ClockTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>A board without a battery begins in 1970; other values are the ends of what counters hold.</summary>
    public static TheoryData<string> Boots => new() { "1970-01-01", "1999-12-31", "2038-01-19", "2038-02-01", "2100-03-01", "2106-02-08" };

    [NativeTheory]
    [MemberData(nameof(Boots))]
    public async Task At_any_date_people_work_and_find_it_all_when_the_clock_is_right_again(string date)
    {
        using var machine = new Machine();
        machine.SetClock(DateTimeOffset.Parse(date + "T00:00:05Z") - DateTimeOffset.UtcNow);
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "an answer"));
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        Assert.Equal("an answer", (await admin.AskAndWait(session, "first")).Text("content"));

        machine.SetClock(TimeSpan.Zero);
        var again = server.Client();
        var login = new { username = "admin", password = TestServer.Password };
        await (await again.PostJson("/api/auth/login", login)).Expect(HttpStatusCode.OK);
        Assert.Equal("an answer", (await again.AskAndWait(session, "second")).Text("content"));
        Assert.Equal(
            ["first", "an answer", "second", "an answer"], (await again.Messages(session)).Select(message => message.Text("content")));
        await server.RestartAsync();
        Assert.Equal(4, (await again.Messages(session)).Count);
    }

    /// <summary>Forwards is also what a laptop sees that slept; backwards is a correction.</summary>
    [NativeTheory]
    [InlineData(0.1)]
    [InlineData(3)]
    [InlineData(-0.1)]
    [InlineData(-3)]
    [InlineData(-400)]
    public async Task A_jump_in_the_middle_of_an_answer_cuts_nothing_and_keeps_people_signed_in(double days)
    {
        using var machine = new Machine();
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(release.Task);
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        var seen = new Transcript();
        await seen.ReadFirst(stream);

        machine.SetClock(days * Day);
        release.SetResult();
        await seen.ReadAll(stream);
        Assert.Equal(("before after", "done"), (seen.Content, seen.Done!.Json.Text("status")));
        await (await admin.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK); // as the page does when a token has ended
        Assert.Equal("before after", (await admin.AskAndWait(session, "more")).Text("content"));
        Assert.Equal(4, (await admin.Messages(session)).Count);
    }
}
