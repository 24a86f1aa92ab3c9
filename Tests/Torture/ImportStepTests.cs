using System.Net;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;
using AiChat.Tests.NodePlatform;

namespace AiChat.Tests.Torture;

/// <summary>
/// An import that is ended at any change of the disk: the next start succeeds, what was here before is untouched, and the same import
/// again, or the server by itself, ends with what an import in one go would have brought, nothing missing and nothing twice.
/// </summary>
[Trait("Store", "File")]
public sealed class ImportStepTests : IDisposable
{
    private const int Kill = Interrupted.Kill, Terminate = Interrupted.Terminate;

    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("aichat-import-");

    /// <summary>The last upload was answered.</summary>
    private bool _isAccepted;

    private string Archive => Path.Combine(_place.FullName, "export.zip");

    private string Old => Path.Combine(_place.FullName, "old");

    [NativeTheory]
    [InlineData("archive", Kill)]
    [InlineData("archive", Terminate)]
    [InlineData("archive of a person", Kill)]
    [InlineData("database of the Node.js platform", Kill)]
    [InlineData("database of the Node.js platform", Terminate)]
    [InlineData("database of the Node.js platform into a new folder", Kill)]
    public Task Ended_at_any_step_it_goes_on_to_the_same_end(string name, int signal) =>
        Step(name).EndEverywhere("import: " + name, signal, few: signal == Kill ? 2 : 1);

    public void Dispose() => _place.Delete(recursive: true);

    private Interrupted Step(string name)
    {
        var archive = new Interrupted
        {
            Prepare = folder =>
            {
                File.WriteAllBytes(Archive, Export());
                return Settled(folder);
            },
            Arguments = () => ["import", Archive, "--user", "admin"],
            Check = Sound,
            State = folder => HeldState.Of(folder),
        };
        var database = archive with
        {
            Prepare = folder =>
            {
                Fill();
                return Settled(folder);
            },
            Arguments = () => ["import", Old],
        };
        return name switch
        {
            "archive" => archive,
            "archive of a person" => archive with
            {
                Arguments = () => ["serve"],
                Act = Upload,
                Check = SoundAndEnded,
                Varies = true,
            },
            "database of the Node.js platform" => database,
            "database of the Node.js platform into a new folder" => database with
            {
                Prepare = _ =>
                {
                    Fill();
                    return Task.FromResult<Promise[]>([]);
                },
            },
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
    }

    private static async Task<Promise[]> Settled(string folder)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
        var admin = await server.RegisterAdminAsync();
        var kept = await (await admin.PostJson("/api/sessions", new { title = "Was here" })).Json(HttpStatusCode.Created);
        await server.StopAsync();
        return [new(Promise.User, 0, "admin"), new(Promise.Chat, kept.Id(), "Was here")];
    }

    /// <summary>Chats with versions of an answer and an image.</summary>
    private static byte[] Export()
    {
        var pointer = new { content_type = "image_asset_pointer", asset_pointer = "file-service://file-abc", width = 4, height = 4 };
        var versions = ImportSteps.ChatGpt(
            "c1", "Versions", "b", ("q", ImportSteps.Node("q", null, "user", ImportSteps.Text("Which?"))),
            ("a", ImportSteps.Node("a", "q", "assistant", ImportSteps.Text("This."))),
            ("b", ImportSteps.Node("b", "q", "assistant", ImportSteps.Text("That."))));
        var picture = ImportSteps.ChatGpt(
            "c2", "Picture", "a",
            ("q", ImportSteps.Node("q", null, "user", new { content_type = "multimodal_text", parts = new object[] { pointer, "See" } })),
            ("a", ImportSteps.Node("a", "q", "assistant", ImportSteps.Text("Seen."))));
        return ImportSteps.Zip(
            ("conversations.json", ImportSteps.Json(
                new[] { versions, picture, ImportSteps.Simple("c3"), ImportSteps.Simple("c4", "Last") })),
            ("file-abc-photo.png", SampleImages.Png(4, 4)));
    }

    private void Fill()
    {
        using var old = new NodePlatformDatabase(Old);
        old.User("the_admin", NodePlatformDatabase.LongHash, "ADMIN");
        var user = old.User("Member_1", NodePlatformDatabase.Hash);
        var connection = old.Connection("openai", "http://192.168.1.5:8000/v1", NodePlatformDatabase.Key);
        old.Setting("brand_text", "Old Chat");
        old.Quota(user, 500);
        old.Avatar(user, SampleImages.Png(6, 6));
        for (var number = 0; number < 3; number++)
        {
            var chat = old.Chat(user, $"Chat {number}", connection: connection, model: "m");
            var question = old.Ask(chat, $"Question {number}");
            old.Image(question, SampleImages.Png(5, (uint)number + 1));
            old.Answer(chat, question, "first version");
            old.Usage(chat, old.Answer(chat, question, "second version", version: 2), 10, 5);
        }
    }

    private async Task Upload(string folder, Uri address)
    {
        using var browser = Browser(address);
        _isAccepted = false;
        await LogIn(browser);
        var sent = await (await browser.Send(await File.ReadAllBytesAsync(Archive))).Json(HttpStatusCode.Accepted);
        _isAccepted = true;
        Assert.Equal("done", (await browser.Ended(sent.Id())).Text("state"));
    }

    private static async Task Sound(string folder, Promise[] promises)
    {
        var survival = await Survival.Look(folder, promises);
        Assert.True(survival.IsWell, survival.ToString());
    }

    /// <summary>An import that was accepted goes on by itself; one whose upload was not answered may be told as interrupted.</summary>
    private async Task SoundAndEnded(string folder, Promise[] promises)
    {
        // It tells of the run before this look, and the next look may come without a run.
        var isAccepted = _isAccepted;
        _isAccepted = false;
        await Sound(folder, promises);
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
        var browser = server.Client();
        await LogIn(browser);
        await Eventually.Holds(async () => (await browser.GetJson("/api/imports")).GetProperty("items").EnumerateArray()
            .All(import => import.Text("state") != "running"));
        var imports = (await browser.GetJson("/api/imports")).GetProperty("items").EnumerateArray().ToList();
        Assert.All(imports.Where(import => import.Text("state") != "done"), import => Assert.Equal("interrupted", import.ErrorCode()));
        Assert.True(!isAccepted || imports[0].Text("state") == "done", "an import that was accepted did not go on");
        await server.StopAsync();
    }

    private static HttpClient Browser(Uri address) => new(new BrowserHandler(() => address, BrowserHandler.RandomLoopback()))
    {
        BaseAddress = BrowserHandler.Placeholder,
    };

    private static async Task LogIn(HttpClient browser) =>
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
}
