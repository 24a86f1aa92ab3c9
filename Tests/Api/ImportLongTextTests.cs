using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Imports;
using AiChat.Tests.Chat;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Api;

/// <summary>A text of many megabytes, such as a pasted log, is taken up to a bound and takes no more memory than that.</summary>
public sealed class ImportLongTextTests
{
    [Fact]
    public async Task A_text_beyond_the_bound_ends_early_and_what_stands_around_it_is_whole()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var text = string.Concat(Enumerable.Repeat("A line with ünïcode 😀 and \"quotes\".\n", 150_000));
        var archive = Json(new[]
        {
            ChatGpt("long", "Long", "a", ("q", Node("q", null, "user", Text("Before"))), ("a", Node("a", "q", "assistant", Text(text))),
                ("z", Node("z", "a", "user", Text("After")))),
            Simple("next"),
        });

        var import = await me.Import(archive, "conversations.json");

        Assert.Equal("done 2 0 0", import.Counts());
        Assert.Equal(["text_too_long: 1 × (Long)"], import.Skipped());
        var messages = await me.Messages(await me.Chat("Long"), tree: true);
        Assert.Equal(("Before", "After"), (messages[0].Text("content"), messages[2].Text("content")));
        var kept = messages[1].Text("content")!;
        Assert.StartsWith(kept, text, StringComparison.Ordinal);
        Assert.InRange(Encoding.UTF8.GetByteCount(kept), JsonElements.MaxText / 2, JsonElements.MaxText);
        Assert.Equal(["u: Where?", "a: Here."], await me.Branch(await me.Chat("Simple")));
        Assert.Equal("done 0 0 2", (await me.Import(archive, "conversations.json")).Counts());
    }

    /// <summary>Wherever the bound falls: within an escape, a pair of surrogates or a letter of several bytes.</summary>
    [Theory]
    [InlineData(@"\u4e2d\u6587")]
    [InlineData(@"\ud83d\ude00")]
    [InlineData(@"\\\""\n")]
    [InlineData("中é😀")]
    public void It_is_valid_wherever_the_bound_falls(string unit)
    {
        var whole = JsonSerializer.Deserialize<string>($"\"{unit}\"")!;
        var many = string.Concat(Enumerable.Repeat(unit, ((JsonElements.MaxText + 200_000) / Encoding.UTF8.GetByteCount(unit)) + 1));
        using var blobs = new BlobSpool(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N")));
        for (var shift = 0; shift < 13; shift++)
        {
            var pad = new string('x', shift);
            var json = Encoding.UTF8.GetBytes($$"""[{"a":"{{pad}}{{many}}","b":["\"{{unit}}"]},{"c":1}]""");
            using var elements = new JsonElements(new MemoryStream(json), blobs);

            var piece = elements.Next()!;
            Assert.Equal(1, piece.LongTexts);
            using (var opened = piece.Json.Open())
            {
                var text = opened.Value["a"].Text!;
                var letters = text.AsSpan(shift).TrimEnd('\uFFFD');
                Assert.InRange(text.Length - shift - letters.Length, 0, 1); // at most half of a pair
                Assert.True(string.Concat(Enumerable.Repeat(whole, (letters.Length / whole.Length) + 1)).AsSpan().StartsWith(letters));
                Assert.Equal("\"" + whole, opened.Value["b"].Items.Single().Text);
            }

            Assert.Equal(0, elements.Next()!.LongTexts);
            Assert.Null(elements.Next());
        }
    }

    /// <summary>A chat of 16 MB, and one with a single text of 20 MB; <c>LargeJson</c> and <c>TextSpool</c> keep both on disk.</summary>
    [NativeFact]
    public async Task However_large_its_chats_and_texts_are_an_import_takes_60_MB()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var piece = string.Concat(Enumerable.Repeat(new string('x', 99) + " ", 1_000));
        var nodes = Enumerable.Range(0, 160).Select(i => ($"m{i}", Node($"m{i}", i == 0 ? null : $"m{i - 1}",
            i % 2 == 0 ? "user" : "assistant", Text(piece))));
        var archive = Json(new[]
        {
            ChatGpt("c", "Many", "m159", [.. nodes]),
            Simple("d", "One", answer: string.Concat(Enumerable.Repeat(piece, 200))),
        });
        await me.Import(Json(new[] { Simple("before") })); // what every first import takes

        var before = server.ResetPeak()!.Value;
        var import = await me.Import(archive, "conversations.json");

        Assert.Equal("done 2 0 0", import.Counts());
        Assert.InRange(server.GrownSince(before), 0, 60L << 20);
    }

    /// <summary>The bytes of a picture are no text, with or without a head that says so.</summary>
    [Fact]
    public async Task A_picture_in_base64_alone_is_taken_as_a_picture()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var picture = SampleImages.Png().Concat(new byte[5_000_000]).ToArray(); // what follows its end belongs to nothing
        var source = new { type = "base64", media_type = "image/png", data = Convert.ToBase64String(picture) };
        var content = new object[] { new { type = "text", text = "Look" }, new { type = "image", source } };
        var chat = new { uuid = "c", name = "Picture", chat_messages = new[] { new { uuid = "1", sender = "human", content } } };

        var import = await me.Import(Json(new[] { chat }), "conversations.json");

        Assert.Empty(import.Skipped());
        var message = Assert.Single(await me.Messages(await me.Chat("Picture")));
        var stored = await me.GetByteArrayAsync(message.GetProperty("images")[0].Text("url"));
        Assert.Equal(SampleImages.Png(), stored[..SampleImages.Png().Length]);
    }
}
