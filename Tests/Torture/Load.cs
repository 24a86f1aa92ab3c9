using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>People at work on a <see cref="Machine"/>: each answer that promises something is recorded as it arrives.</summary>
internal sealed class Load(Machine machine, TestServer server, FakeUpstream upstream)
{
    /// <summary>Passwords are hashed one after another, so that a busy machine refuses nobody.</summary>
    private static readonly SemaphoreSlim Desk = new(1, 1);

    private int _count;
    private long _connection;

    /// <summary>A provider whose answers are long enough to be stored in several pieces.</summary>
    public static FakeUpstream Provider() => ChatSteps.Provider(async exchange =>
    {
        await exchange.StartSse();
        for (var piece = 0; piece < 12; piece++)
        {
            await OpenAiScript.Piece(exchange, $"Stück {piece} {new string((char)('a' + piece), 300)}\n");
        }

        await OpenAiScript.Finish(exchange, 12);
    });

    /// <summary>The first account, and a connection with a key.</summary>
    public async Task<HttpClient> Settle()
    {
        var admin = await server.RegisterAdminAsync();
        Told(new Promise(Promise.User, 0, "admin"));
        await UsageLimitTests.Set(admin, new { requestsPerMinute = 0, maxRunsPerUser = 0, defaultUserDailyQuota = 1_000_000 });
        _connection = await admin.ConnectWithKeys(upstream, "sk-torture-0123456789");
        Told(new Promise(Promise.Secret, _connection, "sk-torture-0123456789"));
        return admin;
    }

    /// <summary>Several people at once, each with some turns.</summary>
    public Task Work(HttpClient admin, int people, int turns) => Task.WhenAll(Enumerable.Range(0, people).Select(async person =>
    {
        var name = $"person{Interlocked.Increment(ref _count)}";
        var user = await Register(admin, name);
        Told(new Promise(Promise.User, 0, name));
        for (var turn = 0; turn < turns; turn++)
        {
            await Turn(user, $"{name}, turn {turn}", isDeleted: turn % 4 == 3);
        }
    }));

    private async Task<HttpClient> Register(HttpClient admin, string name)
    {
        await Desk.WaitAsync();
        try
        {
            return await server.RegisterUserAsync(admin, name);
        }
        finally
        {
            Desk.Release();
        }
    }

    private async Task Turn(HttpClient user, string text, bool isDeleted)
    {
        var session = (await (await user.PostJson("/api/sessions", new { title = text, connectionId = _connection, model = "fake-model" }))
            .Json(HttpStatusCode.Created)).Id();
        Told(new Promise(Promise.Chat, session, text, Session: session));
        await Ask(user, session, text);
        await Upload(user);
        var note = await (await user.PostJson("/api/prompts", new { name = $"n{Interlocked.Increment(ref _count)}", title = text, text }))
            .Json(HttpStatusCode.Created);
        Told(new Promise(Promise.Note, note.Id(), text));
        if (isDeleted)
        {
            Told(new Promise(Promise.Leaving, session, "", Session: session));
            (await user.DeleteAsync($"/api/sessions/{session}")).EnsureSuccessStatusCode();
            Told(new Promise(Promise.Gone, session, "", Session: session));
        }
    }

    private async Task Ask(HttpClient user, long session, string text)
    {
        await using var stream = await user.Ask(session, text);
        var seen = new Transcript();
        await foreach (var next in stream.Events())
        {
            seen.Take(next);
            if (next.Event == "start")
            {
                Told(new Promise(Promise.Question, next.AssistantId(), text, Session: session));
            }
        }

        Assert.Equal("done", seen.Done!.Json.Text("status"));
        Told(new Promise(Promise.Answer, seen.Start!.AssistantId(), seen.Content, Session: session));
    }

    private async Task Upload(HttpClient user)
    {
        var picture = SampleImages.Png(2, 3, ("IDAT", RandomNumberGenerator.GetBytes(3_000)));
        using var content = new ByteArrayContent(picture) { Headers = { ContentType = new MediaTypeHeaderValue("image/png") } };
        var image = await (await user.PostAsync("/api/images", content)).Json(HttpStatusCode.Created);
        var images = Path.Combine(machine.Data, "images");
        var file = Directory.EnumerateFiles(images, image.Text("id") + ".*", SearchOption.AllDirectories).Single();
        Told(new Promise(Promise.Image, 0, image.Text("id")!, Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))));
    }

    private void Told(Promise promise) => machine.Acknowledge(promise.Write());
}
