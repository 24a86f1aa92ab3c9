using AiChat.Providers.Anthropic;
using AiChat.Providers.Google;
using AiChat.Providers.Ollama;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>Schemas and efforts where a model's name or its server decides how they are said.</summary>
public sealed class FormAndEffortTests
{
    [Theory]
    [InlineData("gemini-flash-latest", true, "high", "\"thinkingBudget\":24576")]
    [InlineData("gemini-flash-latest", true, "none", "\"thinkingBudget\":0")]
    [InlineData("gemini-flash-latest", null, "low", "\"thinkingBudget\":1024")]
    [InlineData("gemini-2.5-pro", null, "xhigh", "\"thinkingBudget\":32768")]
    [InlineData("gemini-2.5-pro", null, "none", "\"thinkingBudget\":128")]
    [InlineData("gemini-3-pro-preview", null, "xhigh", "\"thinkingLevel\":\"high\"")]
    [InlineData("gemini-3-flash-preview", null, "none", "\"thinkingLevel\":\"minimal\"")]
    public async Task Gemini_thinks_as_the_name_or_the_list_says(string model, bool? thinks, string effort, string expected)
    {
        var request = Request(model) with { Thinks = thinks, Exact = true, Reasoning = Effort(effort) };

        Assert.Contains(expected, await TextAsync(GoogleBody.Build(request, Refused.None)));
    }

    [Fact]
    public async Task A_name_without_a_version_that_nobody_calls_thinking_is_not_asked_to_think() =>
        Assert.DoesNotContain("thinkingConfig", await TextAsync(GoogleBody.Build(Request("gemini-flash-latest"), Refused.None)));

    [Theory]
    [InlineData("claude-sonnet-4-20250514", 2_000, "\"budget_tokens\":2000")]
    [InlineData("claude-sonnet-4-20250514", 500, "\"budget_tokens\":1024")]
    [InlineData("claude-opus-4-6", 16_000, "\"effort\":\"high\"")]
    public async Task Anthropic_gets_the_budget_or_the_effort_of_it(string model, int budget, string expected)
    {
        var request = Request(model) with { Reasoning = new() { Enabled = true, Budget = budget } };

        Assert.Contains(expected, await TextAsync(AnthropicBody.Build(request, Refused.None)));
    }

    [Theory]
    [InlineData("gpt-oss:20b", "xhigh", "\"think\":\"high\"")]
    [InlineData("gpt-oss:20b", "none", "\"think\":\"low\"")]
    [InlineData("qwen3", "none", "\"think\":false")]
    [InlineData("qwen3", "low", "\"think\":true")]
    public async Task Ollama_gets_levels_or_a_switch(string model, string effort, string expected) =>
        Assert.Contains(expected, await TextAsync(OllamaBody.Build(Request(model) with { Reasoning = Effort(effort) }, Refused.None)));

    [Fact]
    public async Task A_server_that_refuses_the_form_gets_it_in_words()
    {
        var form = new ChatFormat("p", """{"type":"object"}""") { Strict = true };
        var request = Request("m") with { SystemPrompt = "Be brief.", Format = form };
        string[] bodies =
        [
            await TextAsync(OpenAiBody.Build(request, Refused.Format)),
            await TextAsync(OpenAiResponsesBody.Build(request, Refused.Format)),
            await TextAsync(AnthropicBody.Build(request, Refused.Format)),
            await TextAsync(GoogleBody.Build(request, Refused.Format)),
        ];

        Assert.All(bodies, body => Assert.Contains("Be brief.", body));
        Assert.All(bodies, body => Assert.Contains("fits this JSON schema", body));
        Assert.All(bodies, body => Assert.DoesNotContain("json_schema", body));
        Assert.All(bodies, body => Assert.DoesNotContain("responseJsonSchema", body));
    }

    [Theory]
    [InlineData("{\"a\":1}", "{\"a\":1}")]
    [InlineData("", "{}")]
    [InlineData("null", "{}")]
    [InlineData("{\"city\":\"Os", "{\"raw_arguments\":\"{\\\"city\\\":\\\"Os\"}")]
    [InlineData("[1]", "{\"raw_arguments\":\"[1]\"}")]
    public void Broken_arguments_are_kept_under_one_name(string arguments, string whole) =>
        Assert.Equal(whole, ToolArguments.Whole(arguments));

    private static ChatRequest Request(string model) => new()
    {
        Endpoint = Endpoints.Local("openai", "http://127.0.0.1:1", "k"),
        Model = model,
        Turns = [new ChatTurn(ChatRole.User, "hi")],
    };

    private static ChatReasoning Effort(string word) => new()
    {
        Enabled = word == "none" ? false : null,
        Effort = word switch
        {
            "none" => ReasoningEffort.None,
            "low" => ReasoningEffort.Low,
            "high" => ReasoningEffort.High,
            _ => ReasoningEffort.XHigh,
        },
    };

    private static Task<string> TextAsync(ProviderBody body) => VendorRequestTests.TextAsync(body);
}
