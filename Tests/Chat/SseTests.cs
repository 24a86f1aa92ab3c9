using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using Microsoft.AspNetCore.Http;

namespace AiChat.Tests.Chat;

public sealed class SseTests
{
    /// <summary>Long texts are written in pieces; a character at the border of two pieces must arrive whole.</summary>
    [Fact]
    public async Task A_text_of_any_length_arrives_as_it_is()
    {
        foreach (var mark in new[] { "😀", "\"", "\\", "\n", "\0", "\u2028", "é", "文", "</script>" })
        {
            for (var before = 0; before < 530; before += before is < 245 or (> 265 and < 500) ? 35 : 1)
            {
                var text = new string('a', before) + mark + new string('文', before % 7) + mark;
                Assert.Equal(text, await Sent(text));
            }
        }

        Assert.Equal("", await Sent(""));
        Assert.Equal("half \uFFFD", await Sent("half \uD83D"));
    }

    private static async Task<string?> Sent(string text)
    {
        var body = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Response.Body = body;
        var sse = Sse.Begin(context);
        sse.Write(new SseFrame(7, ChatEvent.Delta, text, null));
        await sse.Flush(CancellationToken.None);
        var lines = Encoding.UTF8.GetString(body.ToArray()).Split('\n');
        Assert.Equal(["retry: 2000", "", "id: 7", "event: delta"], lines[..4]);
        Assert.StartsWith("data: ", lines[4]);
        Assert.Equal(["", ""], lines[5..]);
        return JsonDocument.Parse(lines[4]["data: ".Length..]).RootElement.GetProperty("text").GetString();
    }
}
