using System.Text;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

public sealed class ProviderBodyTests
{
    /// <summary>The array of a body that was sent goes to the next request, which may be another user's.</summary>
    [Fact]
    public async Task A_body_is_sent_once()
    {
        using var request = new RequestBody();
        request.Json.WriteString("model", "m");
        var body = request.Finish(default);

        Assert.Equal("{\"model\":\"m\"}", await Sent(body));
        body.Release();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Sent(body));
    }

    private static async Task<string> Sent(ProviderBody body)
    {
        var text = new StringBuilder();
        await body.WriteAsync(
            piece =>
            {
                text.Append(Encoding.UTF8.GetString(piece.Span));
                return ValueTask.CompletedTask;
            },
            default);
        return text.ToString();
    }
}
