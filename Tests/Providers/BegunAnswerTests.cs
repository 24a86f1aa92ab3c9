using System.Text.Json;
using AiChat.Providers.Anthropic;
using AiChat.Providers.Protocol;

namespace AiChat.Tests.Providers;

/// <summary>Whether the beginning of an answer is sent as one, or the rest is asked for.</summary>
public sealed class BegunAnswerTests
{
    /// <summary>Claude takes a begun answer up to 4.5, and while it does not think (Claude docs, "Prefill Claude's response").</summary>
    [Theory]
    [InlineData("claude-sonnet-4-5", false, "user assistant")]
    [InlineData("claude-3-5-haiku-20241022", false, "user assistant")]
    [InlineData("claude-sonnet-4-5", true, "user assistant user")]
    [InlineData("claude-opus-4-6", false, "user assistant user")]
    [InlineData("claude-sonnet-5", false, "user assistant user")]
    [InlineData("another-model", false, "user assistant user")]
    public async Task Claude_goes_on_where_it_may(string model, bool thinks, string roles)
    {
        var request = new ChatRequest
        {
            Endpoint = Endpoints.Local("anthropic", "http://127.0.0.1"),
            Model = model,
            Turns = [new ChatTurn(ChatRole.User, "q"), new ChatTurn(ChatRole.Assistant, "It is")],
            Reasoning = new ChatReasoning { Enabled = thinks },
            Continues = true,
        };

        using var body = JsonDocument.Parse(await VendorRequestTests.TextAsync(AnthropicBody.Build(request, Refused.None)));

        Assert.Equal(
            roles, string.Join(' ', body.RootElement.GetProperty("messages").EnumerateArray().Select(turn => turn.Text("role"))));
    }
}
