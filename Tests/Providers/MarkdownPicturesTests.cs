using AiChat.Providers.Protocol;

namespace AiChat.Tests.Providers;

/// <summary>
/// Pictures inside the text, as gateways of image models write them (one-api and new-api for Gemini's and OpenAI's image models, and
/// LiteLLM's data URLs), at every split.
/// </summary>
public sealed class MarkdownPicturesTests
{
    private const string Png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==";
    private const string Webp = "data:image/webp;base64,UklGRhYAAABXRUJQ";

    [Theory]
    [InlineData($"![image]({Png})", "", 1)]
    [InlineData($"Here it is:\n\n![a cat]({Png})\n\nDo you like it?", "Here it is:\n\n\n\nDo you like it?", 1)]
    [InlineData($"One ![]({Png}) two ![]({Webp})!", "One  two !", 2)]
    [InlineData($"<think>draw</think>![image]({Png})", "", 1)]
    [InlineData($"![image](<{Png}> \"title\")", "", 1)]
    [InlineData($"![image]({Png} \"a cat\") and on", " and on", 1)]
    [InlineData($"Again ![image]({Png})![image]({Png})", "Again ", 1)]
    [InlineData($"`![image]({Png})`", $"`![image]({Png})`", 0)]
    [InlineData($"```md\n![image]({Png})\n```\n", $"```md\n![image]({Png})\n```\n", 0)]
    [InlineData($"    ![image]({Png})", $"    ![image]({Png})", 0)]
    [InlineData($"[image]({Png})", $"[image]({Png})", 0)]
    [InlineData("![image](data:image/png;base64,not*base64)", "![image](data:image/png;base64,not*base64)", 0)]
    [InlineData("![image](data:image/svg+xml,%3Csvg/%3E)", "![image](data:image/svg+xml,%3Csvg/%3E)", 0)]
    [InlineData("![image](https://a.example/b.png) wow!", "![image](https://a.example/b.png) wow!", 0)]
    [InlineData("![image](data:image/png;base64,iVBORw0KGgo", "![image](data:image/png;base64,iVBORw0KGgo", 0)]
    [InlineData("Hello! No![not\n](x) ![a] ![b][c] !", "Hello! No![not\n](x) ![a] ![b][c] !", 0)]
    public void A_picture_in_the_text_becomes_one_of_the_answer(string said, string text, int pictures)
    {
        for (var split = 0; split <= said.Length; split++)
        {
            var (seen, found) = Read(said[..split], said[split..]);
            Assert.Equal((text, pictures), (seen, found));
        }

        var each = Read([.. said.Select(letter => letter.ToString())]);
        Assert.Equal((text, pictures), each);
    }

    [Fact]
    public void Whoever_takes_no_pictures_gets_the_text()
    {
        var output = new DeltaWriter(ReasoningTag.Defaults);
        output.Text($"![image]({Png})");
        output.Flush();

        Assert.Equal($"![image]({Png})", string.Concat(output.Ready.OfType<ChatDelta.Text>().Select(delta => delta.Value)));
    }

    /// <summary>The cap of an answer's text is not that of a picture, and a thousand pieces are not read a thousand times.</summary>
    [Fact]
    public void A_picture_of_six_megabytes_comes_in_pieces()
    {
        var base64 = Convert.ToBase64String(new byte[6_000_000]);
        var output = new DeltaWriter(ReasoningTag.Defaults, takesPictures: true);
        var begun = TimeProvider.System.GetTimestamp();

        output.Text("![image](data:image/png;base64,");
        for (var at = 0; at < base64.Length; at += 100)
        {
            output.Text(base64[at..Math.Min(base64.Length, at + 100)]);
            Assert.True(output.Held > at);
        }

        output.Text(")");
        Assert.Equal(6_000_000, Assert.Single(output.Ready.OfType<ChatDelta.Image>()).Bytes.Length);
        Assert.Equal(0, output.Held);
        Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(5));
    }

    private static (string Text, int Pictures) Read(params string[] pieces)
    {
        var output = new DeltaWriter(ReasoningTag.Defaults, takesPictures: true);
        foreach (var piece in pieces)
        {
            output.Text(piece);
        }

        output.Flush();
        var text = string.Concat(output.Ready.OfType<ChatDelta.Text>().Select(delta => delta.Value));
        return (text, output.Ready.OfType<ChatDelta.Image>().Count());
    }
}
