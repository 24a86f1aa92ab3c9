using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Text;
using AiChat.Tests.Chat;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Api;

/// <summary>Archives that are damaged, made to harm or none at all; whose an import is; what a restart leaves of it.</summary>
public sealed class ImportFaultTests
{
    [Fact]
    public async Task Whatever_holds_no_chats_is_a_failure_that_says_what_it_looks_like()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var chat = Json(new[] { Simple("c1") });
        (string Name, byte[] Bytes, string Code, string Says)[] cases =
        [
            ("empty.json", [], "empty_file", "empty"),
            ("empty.zip", Zip(), "empty_file", "empty"),
            ("list.json", "[]"u8.ToArray(), "unknown_format", "nothing"),
            ("webui.db", "SQLite format 3\0xxxx"u8.ToArray(), "unknown_format", "Open WebUI"),
            ("chat.html", "<html><body>"u8.ToArray(), "unknown_format", "conversations.json"),
            ("notes.md", "# Notes"u8.ToArray(), "unknown_format", "neither"),
            ("chats.csv", "title,text"u8.ToArray(), "unknown_format", "CSV"),
            ("a.pdf", "%PDF-1.7"u8.ToArray(), "unknown_format", "PDF"),
            ("MyActivity.json", Json(
                new[] { new { header = "Gemini Apps", title = "Asked", titleUrl = "https://x", activityControls = new[] { "x" } } }),
                "unknown_format", "Gemini"),
            ("takeout.zip", Zip(("Takeout/My Activity/Gemini Apps/MyActivity.html", "<html>"u8.ToArray())), "no_chats", "Gemini"),
            ("only-html.zip", Zip(("chat.html", "<html>"u8.ToArray())), "no_chats", "chat.html"),
            ("settings.json", Json(new { theme = "dark" }), "unknown_format", "no chats"),
            ("empty-chats.json", Json(new[] { ChatGpt("e", "E", null, ("r", Node("r", null, null, null))) }), "nothing_taken",
                "no message"),
            ("locked.zip", Flagged(Zip(("conversations.json", chat)), flags: 1), "unreadable_archive", "password"),
            ("method.zip", Flagged(Zip(("conversations.json", chat)), method: 9), "unreadable_archive", "number 9"),
            ("nested.zip", Zip(("inner.zip", Zip(("conversations.json", chat)))), "no_chats", "inner.zip"),
            ("tail.json", "{\"conversations\": 7"u8.ToArray(), "cut_file", "ends before its end"),
        ];

        foreach (var (name, bytes, code, says) in cases)
        {
            var import = await me.Import(bytes, name);
            Assert.Equal((name, "failed 0 0 0", code), (name, import.Counts(), import.ErrorCode()));
            Assert.Contains(says, import.GetProperty("error").Text("detail"), StringComparison.Ordinal);
            Wording.Check(import.GetProperty("error").Text("detail")!);
        }

        Assert.Empty(await me.Chats());
        Assert.Empty(Directory.GetFiles(Path.Combine(server.DataDir, "imports")));
    }

    [Fact]
    public async Task Cut_and_odd_archives_are_taken_as_far_as_they_go()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var json = Json(new[] { Simple("c1", "One"), Simple("c2", "Two") });

        // After the first chat and within the second.
        var cut = await me.Import(json[..^150], "conversations.json");
        Assert.Equal(("done 2 0 0", "cut: conversations.json"), (cut.Counts(), cut.Skipped().Single()));
        Assert.Equal("done 0 1 1", (await me.Import(json, "conversations.json")).Counts());
        Assert.Equal(["u: Where?", "a: Here."], await me.Branch(await me.Chat("Two")));

        // Without its directory, and with its only file cut within.
        var zip = Zip(("export/conversations.json", Json(new[] { Simple("z1", "Z1"), Simple("z2", "Z2") })));
        Assert.Equal("done 2 0 0", (await me.Import(zip[..^60])).Counts());
        var noise = new byte[60_000];
        new Random(7).NextBytes(noise);
        var longer = Zip(("conversations.json", Json(new[] { Simple("y1", "Y1"), Simple("y2", "Y2", Convert.ToBase64String(noise)) })));
        var part = await me.Import(longer[..(longer.Length / 2)]);
        Assert.Equal("done 1 0 0", part.Counts());
        Assert.Contains("cut: conversations.json", part.Skipped());

        // A mark at the beginning, UTF-16, gzip, lines, a comma too many, one bad entry, a program before the zip.
        byte[] marked = [0xEF, 0xBB, 0xBF, .. Json(new[] { Simple("b1") })];
        Assert.Equal("done 1 0 0", (await me.Import(marked, "conversations.json")).Counts());
        byte[] wide = [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(Json(new[] { Simple("b2") })))];
        Assert.Equal("done 1 0 0", (await me.Import(wide, "conversations.json")).Counts());
        Assert.Equal("done 1 0 0", (await me.Import(Packed(Json(new[] { Simple("b3") })), "conversations.json.gz")).Counts());
        byte[] lines = [.. Json(Simple("b4")), (byte)'\n', .. Json(Simple("b5")), (byte)'\n'];
        Assert.Equal("done 2 0 0", (await me.Import(lines, "chats.jsonl")).Counts());
        byte[] comma = [.. Json(new[] { Simple("b6") })[..^1], (byte)',', (byte)']'];
        Assert.Equal("done 1 0 0", (await me.Import(comma, "conversations.json")).Counts());
        var numbers = Encoding.UTF8.GetString(Json(new[] { Simple("n1", "Numbers", "NaN, -Infinity?") }))
            .Replace("\"current_node\"", "\"a\": NaN,\"b\":[NaN,-Infinity, Infinity,Infinity],\"current_node\"", StringComparison.Ordinal);
        Assert.Equal("done 1 0 0", (await me.Import(Encoding.UTF8.GetBytes(numbers), "conversations.json")).Counts());
        Assert.Equal(["u: NaN, -Infinity?", "a: Here."], await me.Branch(await me.Chat("Numbers")));
        byte[] bad = [(byte)'[', .. "{\"mapping\": oops},"u8, .. Json(Simple("b7")), (byte)']'];
        var partly = await me.Import(bad, "conversations.json");
        Assert.Equal(("done 1 0 0", "invalid_json: conversations.json, entry 1"), (partly.Counts(), partly.Skipped().Single()));
        byte[] program = [.. new byte[500], .. Zip(("conversations.json", Json(new[] { Simple("b8") })))];
        Assert.Equal("done 1 0 0", (await me.Import(program, "export.zip")).Counts());
        Assert.Equal("done 1 0 0", (await me.Import(Zip(("../../../etc/conversations.json", Json(new[] { Simple("b9") }))))).Counts());
    }

    [Fact]
    public async Task What_unpacks_to_far_more_than_it_is_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = zip.CreateEntry("conversations.json").Open();
            entry.Write("[\""u8);
            var spaces = new byte[1024 * 1024];
            spaces.AsSpan().Fill((byte)' ');
            for (var i = 0; i < 100; i++)
            {
                entry.Write(spaces);
            }
        }

        var import = await me.Import(bytes.ToArray());

        Assert.Equal(("failed 0 0 0", "archive_bomb"), (import.Counts(), import.ErrorCode()));
    }

    [Fact]
    public async Task An_import_is_its_owners_alone_and_guests_have_none()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var ann = await server.RegisterUserAsync(admin);
        var id = (await ann.Import(Json(new[] { Simple("c1") }), "conversations.json")).GetProperty("id").GetInt64();

        foreach (var other in new[] { admin, await server.RegisterUserAsync(admin) })
        {
            await (await other.GetAsync($"/api/imports/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await other.DeleteAsync($"/api/imports/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            Assert.Empty((await other.GetJson("/api/imports")).GetProperty("items").EnumerateArray());
            Assert.Empty(await other.Chats());
        }

        await (await server.Client().Send("[]"u8.ToArray())).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Single((await ann.GetJson("/api/imports")).GetProperty("items").EnumerateArray());
        await (await ann.DeleteAsync($"/api/imports/{id}")).Expect(HttpStatusCode.NoContent);
        Assert.Empty((await ann.GetJson("/api/imports")).GetProperty("items").EnumerateArray());
        Assert.Single(await ann.Chats()); // only the record went

        await (await admin.PatchJson("/api/settings/system", new { importMaxMb = 1 })).Expect(HttpStatusCode.OK);
        await (await ann.Send(new byte[1_100_000])).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
    }

    /// <summary>As after a power cut: the row says that it runs, the archive is in its place, part of the chats are here.</summary>
    [Fact]
    [Trait("Store", "File")]
    public async Task One_that_was_interrupted_goes_on_at_the_next_start()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var whole = Json(new[] { Simple("c1", "One"), Simple("c2", "Two") });
        var done = (await me.Import(Json(new[] { Simple("c1", "One") }), "conversations.json")).GetProperty("id").GetInt64();
        var lost = (await me.Import(whole[..^1], "conversations.json")).GetProperty("id").GetInt64();
        await me.DeleteAsync($"/api/sessions/{(await me.Chat("Two")).GetProperty("id")}");
        await server.StopAsync();
        using (var store = Microsoft.Data.Sqlite.SqliteFactory.Instance.CreateConnection())
        {
            store!.ConnectionString = $"Data Source={Path.Combine(server.DataDir, "app.db")};Pooling=false";
            store.Open();
            using var command = store.CreateCommand();
            command.CommandText =
                "update imports set state = 'running', report = '{}', ended_at = null; delete from imported_chats where source_key = 'c2'";
            command.ExecuteNonQuery();
        }

        await File.WriteAllBytesAsync(Path.Combine(server.DataDir, "imports", $"{done}.upload"), whole);
        await File.WriteAllBytesAsync(Path.Combine(server.DataDir, "imports", "left.part"), whole);
        await server.RestartAsync();
        me = server.Client();
        await (await me.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password })).Expect(HttpStatusCode.OK);

        Assert.Equal("done 1 0 1", (await me.Ended(done)).Counts());
        Assert.Equal("interrupted", (await me.Ended(lost)).ErrorCode());
        Assert.Equal(2, (await me.Chats()).Length);
        Assert.Empty(Directory.GetFiles(Path.Combine(server.DataDir, "imports")));
    }

    /// <summary>The archive with these bits in the headers of its first file.</summary>
    private static byte[] Flagged(byte[] zip, ushort? flags = null, ushort? method = null)
    {
        var central = zip.AsSpan().IndexOf("PK\x01\x02"u8);
        foreach (var (at, value) in new[] { (6, flags), (8, method) })
        {
            if (value is { } bits)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(zip.AsSpan(at), bits);
                BinaryPrimitives.WriteUInt16LittleEndian(zip.AsSpan(central + at + 2), bits);
            }
        }

        return zip;
    }

    private static byte[] Packed(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
