using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

/// <summary>Single members between protocols: where each is found at the provider, or that its name is in the refusal.</summary>
public sealed class TranslationTests(MatrixServer server) : IClassFixture<MatrixServer>
{
    private const string Chat = "/v1/chat/completions";
    private const string Responses = "/v1/responses";
    private const string Messages = "/v1/messages";
    private const string Long = "user_0123456789012345678901234567890123456789012345678901234567890123456789";

    [Theory]
    [InlineData(Chat, "openai_responses", """{"verbosity":"low"}""", "text.verbosity", "\"low\"")]
    [InlineData(Chat, "openai_responses", """{"metadata":{"a":"b"},"service_tier":"flex"}""", "metadata", """{"a":"b"}""")]
    [InlineData(Chat, "openai_responses", """{"service_tier":"flex"}""", "service_tier", "\"flex\"")]
    [InlineData(Chat, "openai_responses", """{"prompt_cache_key":"k"}""", "prompt_cache_key", "\"k\"")]
    [InlineData(Chat, "openai_responses", """{"user":"u"}""", "safety_identifier", "\"u\"")]
    [InlineData(Chat, "anthropic", """{"user":"u"}""", "metadata.user_id", "\"u\"")]
    [InlineData(Chat, "anthropic", """{"reasoning_effort":"xhigh"}""", "output_config.effort", "\"xhigh\"")]
    [InlineData(Chat, "openai_responses", """{"reasoning_effort":"minimal"}""", "reasoning.effort", "\"minimal\"")]
    [InlineData(Chat, "anthropic", """{"thinking":{"type":"enabled","budget_tokens":2000}}""", "output_config.effort", "\"low\"")]
    [InlineData(Chat, "google_genai", """{"thinking_budget":3000}""", "generationConfig.thinkingConfig.thinkingBudget", "3000")]
    [InlineData(Chat, "ollama", """{"enable_thinking":false}""", "think", "false")]
    [InlineData(Chat, "ollama", """{"response_format":{"type":"json_object"}}""", "format", "\"json\"")]
    [InlineData(
        Chat, "google_genai", """{"response_format":{"type":"json_object"}}""", "generationConfig.responseMimeType",
        "\"application/json\"")]
    [InlineData(Chat, "anthropic", """{"temperature":0.2,"top_p":0.9}""", "top_p", "0.9")]
    [InlineData(Chat, "anthropic", """{"temperature":0.2,"top_p":1}""", "top_p", null)]
    [InlineData(Chat, "google_genai", """{"seed":7}""", "generationConfig.seed", "7")]
    [InlineData(Chat, "anthropic", """{"web_search_options":{}}""", "tools.0.type", "\"web_search_20250305\"")]
    [InlineData(Responses, "openai", """{"text":{"verbosity":"high"}}""", "verbosity", "\"high\"")]
    [InlineData(Responses, "openai", """{"metadata":{"a":"b"}}""", "metadata", """{"a":"b"}""")]
    [InlineData(Responses, "openai", """{"reasoning":{"effort":"none","summary":"auto"}}""", "reasoning_effort", "\"none\"")]
    [InlineData(Responses, "openai", """{"tools":[{"type":"web_search"}]}""", "web_search_options", "{}")]
    [InlineData(Responses, "google_genai", """{"tools":[{"type":"web_search"}]}""", "tools.0.googleSearch", "{}")]
    [InlineData(Responses, "ollama", """{"tools":[{"type":"web_search","external_web_access":false}]}""", "tools", null)]
    [InlineData(
        Responses, "anthropic", """{"tools":[{"type":"web_search","filters":{"allowed_domains":["a.org"]}}]}""",
        "tools.0.allowed_domains.0", "\"a.org\"")]
    [InlineData(
        Responses, "openai", """{"tools":[{"type":"namespace","name":"ns","tools":[{"type":"function","name":"f","parameters":{}}]}]}""",
        "tools.0.function.name", "\"ns__f\"")]
    [InlineData(
        Responses, "openai",
        """{"input":[{"type":"additional_tools","tools":[{"type":"namespace","name":"functions","""
        + """ "tools":[{"type":"custom","name":"x"}]}]},{"role":"user","content":"scene:text"}]}""",
        "tools.0.function.name", "\"x\"")]
    [InlineData(
        Responses, "openai",
        """{"input":[{"type":"agent_message","author":"a","content":[{"type":"input_text","text":"scene:text"}]}]}""",
        "messages.0.content", "\"a: scene:text\"")]
    [InlineData(Chat, "anthropic", """{"tool_choice":"none","parallel_tool_calls":false}""", "tool_choice", null)]
    [InlineData(
        Responses, "openai", """{"tools":[{"type":"custom","name":"patch"}]}""", "tools.0.function.parameters.required.0", "\"input\"")]
    [InlineData(Messages, "openai", """{"thinking":{"type":"enabled","budget_tokens":16000}}""", "reasoning_effort", "\"high\"")]
    [InlineData(Messages, "openai_responses", """{"thinking":{"type":"enabled","budget_tokens":1024}}""", "reasoning.effort", "\"low\"")]
    [InlineData(
        Messages, "google_genai", """{"thinking":{"type":"enabled","budget_tokens":2048}}""",
        "generationConfig.thinkingConfig.thinkingBudget", "2048")]
    [InlineData(Messages, "ollama", """{"thinking":{"type":"disabled"}}""", "think", "false")]
    [InlineData(Messages, "openai", """{"metadata":{"user_id":"u"}}""", "user", "\"u\"")]
    [InlineData(
        Messages, "openai_responses", "{\"metadata\":{\"user_id\":\"" + Long + "\"}}", "safety_identifier",
        "64 digits")]
    [InlineData(
        Messages, "openai", """{"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}}""", "context_management",
        null)]
    [InlineData(
        Messages, "openai_responses", """{"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}]}""", "max_tool_calls",
        "8")]
    public async Task It_is_sent_in_the_providers_own_member(string inbound, string provider, string members, string place, string? value)
    {
        var (status, text, sent) = await Ask(inbound, provider, members);

        Assert.True(status == HttpStatusCode.OK, text);
        var found = place.Split('.').Aggregate(sent, (element, step) => element.ValueKind switch
        {
            JsonValueKind.Object when element.TryGetProperty(step, out var member) => member,
            JsonValueKind.Array when int.Parse(step) < element.GetArrayLength() => element[int.Parse(step)],
            _ => default,
        });
        if (members.Contains(Long, StringComparison.Ordinal))
        {
            Assert.Matches("^[0-9a-f]{64}$", found.GetString()); // a longer one would be refused
        }
        else
        {
            Assert.Equal(value, found.ValueKind == JsonValueKind.Undefined ? null : found.GetRawText());
        }
    }

    [Theory]
    [InlineData(Chat, "anthropic", """{"verbosity":"low"}""", "verbosity")]
    [InlineData(Chat, "anthropic", """{"metadata":{"a":"b"}}""", "metadata")]
    [InlineData(Chat, "anthropic", """{"seed":1}""", "seed")]
    [InlineData(Chat, "anthropic", """{"frequency_penalty":0.5}""", "frequency_penalty")]
    [InlineData(Chat, "openai_responses", """{"presence_penalty":0.5}""", "presence_penalty")]
    [InlineData(Chat, "openai_responses", """{"logit_bias":{"1":2}}""", "logit_bias")]
    [InlineData(Chat, "openai_responses", """{"prediction":{"type":"content","content":"x"}}""", "prediction")]
    [InlineData(Chat, "google_genai", """{"future_member":1}""", "future_member")]
    [InlineData(Chat, "ollama", """{"service_tier":"flex"}""", "service_tier")]
    [InlineData(Chat, "ollama", """{"web_search_options":{}}""", "web_search")]
    [InlineData(Chat, "ollama", """{"store":true}""", "store")]
    [InlineData(
        Chat, "ollama",
        """{"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],"tool_choice":"required"}""",
        "tool_choice")]
    [InlineData(
        Chat, "ollama",
        """{"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"b"}}}""",
        "tool_choice")]
    [InlineData(
        Messages, "ollama",
        """{"tools":[{"name":"a","input_schema":{"type":"object"}},{"name":"b","input_schema":{}}],"tool_choice":{"type":"any"}}""",
        "tool_choice")]
    [InlineData(Chat, "openai_responses", """{"tools":[{"type":"custom","custom":{"name":"x"}}]}""", "custom")]
    [InlineData(Responses, "openai", """{"truncation":"auto"}""", "truncation")]
    [InlineData(Responses, "openai", """{"tools":[{"type":"file_search","vector_store_ids":["v"]}]}""", "file_search")]
    [InlineData(Responses, "openai", """{"prompt":{"id":"p"}}""", "prompt")]
    [InlineData(Responses, "ollama", """{"tools":[{"type":"web_search"}]}""", "web_search")]
    [InlineData(Responses, "openai", """{"input":[{"type":"item_reference","id":"i"}]}""", "item_reference")]
    [InlineData(Messages, "openai", """{"mcp_servers":[{"type":"url","url":"http://a","name":"a"}]}""", "mcp_servers")]
    [InlineData(Messages, "openai", """{"container":"c"}""", "container")]
    [InlineData(Messages, "openai", """{"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}""", "context_management")]
    [InlineData(Messages, "google_genai", """{"tools":[{"type":"code_execution_20250825","name":"code_execution"}]}""", "code_execution")]
    [InlineData(Messages, "openai_responses", """{"stop_sequences":["END"]}""", "stop_sequences")]
    [InlineData(Messages, "openai", """{"output_config":{"task_budget":{"total":1}}}""", "task_budget")]
    public async Task It_is_refused_by_its_name(string inbound, string provider, string members, string name)
    {
        var (status, text, _) = await Ask(inbound, provider, members);

        Assert.True(status == HttpStatusCode.BadRequest, text);
        Assert.Contains(name, JsonDocument.Parse(text).RootElement.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Tools_of_a_namespace_and_of_free_text_are_called_by_their_own_names()
    {
        var tools = """
            {"tools":[{"type":"namespace","name":"get","tools":[{"type":"function","name":"weather","parameters":{"type":"object"}}]}],
            "input":[{"role":"user","content":"a"},
            {"type":"custom_tool_call","call_id":"c1","name":"patch","input":"*** Begin"},
            {"type":"custom_tool_call_output","call_id":"c1","output":"done"},
            {"type":"function_call","call_id":"c2","namespace":"get","name":"weather","arguments":"{}"},
            {"type":"message","role":"user","content":"meanwhile"},
            {"type":"function_call_output","call_id":"c2","output":"cold"},
            {"role":"user","content":"scene:text"}]}
            """;

        var (status, text, sent) = await Ask(Responses, "openai", tools);

        Assert.True(status == HttpStatusCode.OK, text);
        var roles = sent.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("role").GetString());
        Assert.Equal(["user", "assistant", "tool", "assistant", "tool", "user"], roles);
        Assert.Contains("get__weather", sent.GetRawText());
        Assert.Contains("*** Begin", sent.GetRawText());
    }

    [Fact]
    public async Task A_model_that_cannot_see_is_told_of_a_picture_in_a_result()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        var blind = new { connectionId = steps.Connection, model = "fake-model", capabilities = new { vision = false } };
        await (await steps.Admin.PutJson("/api/catalog/models", blind)).Expect(HttpStatusCode.OK);
        var ask = new MessagesInbound().Ask("fake-model", new Wish("text")
        {
            Tools = true,
            Called = Scene.Oslo,
            ResultImage = CompatSteps.Png,
            Stream = false,
        });

        await (await steps.Script.PostJson("/v1/messages", ask)).Expect(HttpStatusCode.OK);

        Assert.Contains("cannot see", steps.Sent.GetRawText());
        Assert.DoesNotContain(CompatSteps.Png, steps.Sent.GetRawText());
    }

    private async Task<(HttpStatusCode Status, string Text, JsonElement Sent)> Ask(string path, string kind, string members)
    {
        var inbound = InboundProtocol.All.Single(one => one.Path == path);
        var provider = StandIn.All.Single(one => one.Kind == kind);
        var body = inbound.Ask(provider.Model, new Wish("text") { Stream = false });
        foreach (var (name, value) in JsonNode.Parse(members)!.AsObject())
        {
            body[name] = value?.DeepClone();
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body.ToJsonString()) };
        request.Content.Headers.ContentType = new("application/json");
        using var response = await server.Script.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text, response.IsSuccessStatusCode ? server.Sent(provider) : default);
    }
}
