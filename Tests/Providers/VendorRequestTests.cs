using System.Text;
using System.Text.Json;
using AiChat.Providers;
using AiChat.Providers.Anthropic;
using AiChat.Providers.Google;
using AiChat.Providers.Ollama;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>The requests that are sent to each vendor, and their addresses.</summary>
public sealed class VendorRequestTests
{
    private static readonly ChatToolCall Call = new("call_1", "web_search", "{\"query\":\"cats\"}");

    [Theory]
    [InlineData("anthropic", "", "/v1/messages", "x-api-key")]
    [InlineData("anthropic", "/v1", "/v1/messages", "x-api-key")]
    [InlineData("google_genai", "", "/v1beta/models/m:streamGenerateContent?alt=sse", "x-goog-api-key")]
    [InlineData("google_genai", "/v1", "/v1/models/m:streamGenerateContent?alt=sse", "x-goog-api-key")]
    [InlineData("ollama", "", "/api/chat", "Authorization")]
    [InlineData("ollama", "/api", "/api/chat", "Authorization")]
    [InlineData("openai", "/v1", "/v1/chat/completions", "Authorization")]
    [InlineData("openai_responses", "/v1", "/v1/responses", "Authorization")]
    [InlineData("azure_openai", "", "/openai/v1/chat/completions", "api-key")]
    [InlineData("azure_openai", "/openai/v1", "/openai/v1/chat/completions", "api-key")]
    public async Task Request_goes_to_the_vendors_path_with_its_header(string vendor, string basePath, string path, string header)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(500, "{}"));
        using var http = new ProviderHttp(TimeProvider.System);
        var endpoint = Endpoints.Local(vendor, $"http://127.0.0.1:{upstream.Port}{basePath}", "key-1");

        await Transcript.WriteAsync(ProviderRegistry.Create(http).Get(vendor).StreamAsync(Request(endpoint), CancellationToken.None));

        var request = (await upstream.NextRequestAsync()).Request;
        Assert.Equal(path, request.Path);
        Assert.Equal(header == "Authorization" ? "Bearer key-1" : "key-1", request.Headers[header]);
        Assert.Single(request.Headers, pair => pair.Value.Contains("key-1"));
    }

    [Theory]
    [InlineData("eyJhbGciOi.token", "Authorization")]
    [InlineData("0123456789abcdef", "api-key")]
    public async Task Azure_deployment_is_in_the_path(string key, string header)
    {
        await using var upstream = FakeUpstream.Start(exchange => OpenAiScript.Stream(exchange, "ok"));
        using var http = new ProviderHttp(TimeProvider.System);
        var endpoint = Endpoints.Local("azure_openai", $"http://127.0.0.1:{upstream.Port}", key) with { AzureApiVersion = "2024-10-21" };

        var deltas = new AzureOpenAiProvider(http).StreamAsync(Request(endpoint) with { Model = "my gpt" }, CancellationToken.None);
        Assert.Contains("\"ok\"", await Transcript.WriteAsync(deltas));

        var request = (await upstream.NextRequestAsync()).Request;
        Assert.Equal("/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", request.Path);
        Assert.Contains(key, request.Headers[header]);
    }

    [Fact]
    public async Task Entra_credential_is_exchanged_once_and_sent_to_azure_only()
    {
        await using var authority = FakeUpstream.Start(
            exchange => exchange.Reply(200, """{"token_type":"Bearer","expires_in":3599,"access_token":"eyJtoken"}"""));
        await using var upstream = FakeUpstream.Start(exchange => OpenAiScript.Stream(exchange, "ok"));
        using var http = new ProviderHttp(TimeProvider.System)
        {
            Resolve = (_, _) => Task.FromResult<System.Net.IPAddress[]>([System.Net.IPAddress.Loopback]),
        };
        var tokens = new EntraTokens(http) { Authority = new Uri($"http://127.0.0.1:{authority.Port}") };
        var provider = new AzureOpenAiProvider(http) { Tokens = tokens };
        const string Key = "tenant-1:client-1:s3cret/value";
        var root = $"http://res.openai.azure.com:{upstream.Port}";
        var endpoint = Endpoints.Local("azure_openai", root, Key) with { Auth = ProviderAuth.Entra };

        for (var round = 0; round < 2; round++)
        {
            await Transcript.WriteAsync(provider.StreamAsync(Request(endpoint), CancellationToken.None));
        }

        Assert.Equal(1, authority.Connections);
        var grant = (await authority.NextRequestAsync()).Request;
        Assert.Equal("/tenant-1/oauth2/v2.0/token", grant.Path);
        Assert.Contains("client_secret=s3cret%2Fvalue", grant.Text);
        Assert.Equal("Bearer eyJtoken", (await upstream.NextRequestAsync()).Request.Headers["Authorization"]);

        var elsewhere = endpoint with { BaseUrl = new Uri($"http://openai.azure.com.evil.example:{upstream.Port}") };
        Assert.Contains("provider_blocked", await Transcript.WriteAsync(provider.StreamAsync(Request(elsewhere), CancellationToken.None)));
        Assert.Equal(2, upstream.Connections);
    }

    [Fact]
    public async Task Anthropic_gets_blocks_with_thinking_and_results_together()
    {
        var state = ProviderState.Pack(
            "anthropic", "claude-sonnet-4-5", json => json.WriteRawValue("""[{"type":"thinking","thinking":"t","signature":"s"}]"""));
        var body = await AnthropicAsync(Conversation("claude-sonnet-4-5", state) with
        {
            Reasoning = new() { Enabled = true, Effort = ReasoningEffort.Low },
            Sampling = new() { MaxOutputTokens = 100, Temperature = 0.2 },
        });

        Assert.Equal(
            """{"model":"claude-sonnet-4-5","max_tokens":2148,"system":"Be brief","messages":[{"role":"user","content":"""
                + """[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AQID"}},{"type":"text","text":"see"}]},"""
                + """{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},"""
                + """{"type":"tool_use","id":"call_1","name":"web_search","input":{"query":"cats"}},"""
                + """{"type":"tool_use","id":"call_2","name":"web_search","input":{"query":"cats"}}]},{"role":"user","content":"""
                + """[{"type":"tool_result","tool_use_id":"call_1","content":"one"},"""
                + """{"type":"tool_result","tool_use_id":"call_2","content":"two","is_error":true}]}],"stream":true,"thinking":"""
                + """{"type":"enabled","budget_tokens":2048},"tools":[{"name":"web_search","description":"d","input_schema":"""
                + """{"type":"object"}}],"tool_choice":{"type":"auto"}}""",
            body);
    }

    [Theory]
    [InlineData("claude-3-5-sonnet-20241022", false)]
    [InlineData("claude-opus-4-1-20250805", false)]
    [InlineData("claude-sonnet-4-20250514", false)]
    [InlineData("claude-haiku-4-5", false)]
    [InlineData("claude-opus-4-6", true)]
    [InlineData("anthropic/claude-sonnet-4.6", true)]
    [InlineData("claude-sonnet-5", true)]
    [InlineData("claude-mythos-preview", true)]
    [InlineData("glm-4.6", false)]
    public async Task Anthropic_thinking_is_asked_for_in_the_models_way(string model, bool adaptive)
    {
        var body = await AnthropicAsync(
            Conversation(model, null) with { Reasoning = new() { Enabled = true, Effort = ReasoningEffort.High } });

        const string Adaptive = "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{\"effort\":\"high\"}";
        Assert.Contains(adaptive ? Adaptive : "\"budget_tokens\":16384", body);
        Assert.DoesNotContain("thinking\":{", await AnthropicAsync(Conversation(model, null)));
    }

    [Fact]
    public async Task Gemini_gets_parts_with_signatures_and_results()
    {
        var state = ProviderState.Pack("google_genai", "gemini-2.5-flash", json => json.WriteRawValue("""{"calls":{"0":"sig"}}"""));
        var request = Conversation("gemini-2.5-flash", state) with
        {
            Reasoning = new() { Effort = ReasoningEffort.Medium },
            Sampling = new() { MaxOutputTokens = 9, Stop = ["x"] },
        };

        Assert.Equal("""{"systemInstruction":{"parts":[{"text":"Be brief"}]},"contents":[{"role":"user","parts":[{"inlineData":"""
            + """{"mimeType":"image/png","data":"AQID"}},{"text":"see"}]},{"role":"model","parts":[{"functionCall":"""
            + """{"name":"web_search","args":{"query":"cats"}},"thoughtSignature":"sig"},{"functionCall":{"name":"web_search","args":"""
            + """{"query":"cats"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"web_search","response":{"output":"one"}}},"""
            + """{"functionResponse":{"name":"web_search","response":{"error":"two"}}}]}],"generationConfig":{"maxOutputTokens":9"""
            + ""","stopSequences":["x"],"thinkingConfig":{"includeThoughts":true,"thinkingBudget":8192}},"tools":"""
            + """[{"functionDeclarations":[{"name":"web_search","description":"d","parametersJsonSchema":{"type":"object"}}]}]"""
            + ""","toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}""",
            await TextAsync(GoogleBody.Build(request, Refused.None)));
        var newer = await TextAsync(GoogleBody.Build(request with { Model = "models/gemini-3-pro-preview" }, Refused.None));
        Assert.Contains("skip_thought_signature_validator", newer);
        Assert.Contains("\"thinkingLevel\":\"medium\"", newer);
        Assert.DoesNotContain("thinking", await TextAsync(GoogleBody.Build(request with { Model = "gemini-2.0-flash" }, Refused.None)));
    }

    [Fact]
    public async Task Ollama_gets_images_tools_and_options_in_its_form()
    {
        var request = Conversation("qwen3", null) with
        {
            Reasoning = new() { Enabled = false },
            Sampling = new() { Temperature = 0.5, MaxOutputTokens = 9 },
        };

        Assert.Equal("""{"model":"qwen3","messages":[{"role":"system","content":"Be brief"},{"role":"user","content":"see","images":"""
            + """["AQID"]},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"web_search","arguments":{"query":"cats"}}}"""
            + """,{"function":{"name":"web_search","arguments":{"query":"cats"}}}]},"""
            + """{"role":"tool","content":"one","tool_name":"web_search"},"""
            + """{"role":"tool","content":"Error: two","tool_name":"web_search"}]"""
            + ""","stream":true,"think":false,"tools":[{"type":"function","function":{"name":"web_search","description":"d","parameters":"""
            + """{"type":"object"}}}],"options":{"temperature":0.5,"num_predict":9}}""",
            await TextAsync(OllamaBody.Build(request, Refused.None)));
        var levels = request with { Model = "gpt-oss:20b", Reasoning = new() { Effort = ReasoningEffort.High } };
        Assert.Contains("\"think\":\"high\"", await TextAsync(OllamaBody.Build(levels, Refused.None)));
    }

    [Fact]
    public async Task Responses_get_items_and_encrypted_reasoning()
    {
        var state = ProviderState.Pack("openai_responses", "gpt-5", json => json.WriteRawValue(
            """[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e"}]"""));

        Assert.Equal("""{"model":"gpt-5","instructions":"Be brief","input":[{"role":"user","content":[{"type":"input_text","text":"see"},"""
            + """{"type":"input_image","image_url":"data:image/png;base64,AQID"}]},{"type":"reasoning","id":"rs_1","summary":[]"""
            + ""","encrypted_content":"e"},"""
            + """{"type":"function_call","call_id":"call_1","name":"web_search","arguments":"{\"query\":\"cats\"}"},"""
            + """{"type":"function_call","call_id":"call_2","name":"web_search","arguments":"{\"query\":\"cats\"}"},"""
            + """{"type":"function_call_output","call_id":"call_1","output":"one"},"""
            + """{"type":"function_call_output","call_id":"call_2","output":"Error: two"}],"stream":true,"store":false,"include":"""
            + """["reasoning.encrypted_content"],"reasoning":{"summary":"auto"},"tools":"""
            + """[{"type":"function","name":"web_search","description":"d","parameters":{"type":"object"},"strict":false}]"""
            + ""","tool_choice":"auto"}""",
            await TextAsync(OpenAiResponsesBody.Build(Conversation("gpt-5", state), Refused.None)));
    }

    [Theory]
    [InlineData("anthropic", "thinking.type.enabled is not supported for this model. Use thinking.type.adaptive", "\"enabled\"")]
    [InlineData("anthropic", "`temperature` is deprecated for this model.", "temperature")]
    [InlineData("google_genai", "Thinking level is not supported for this model.", "thinkingLevel")]
    [InlineData("ollama", "\"m\" does not support thinking", "\"think\"")]
    [InlineData(
        "openai_responses", "Your organization must be verified to generate reasoning summaries. param: reasoning.summary", "summary")]
    [InlineData("openai_responses", "Invalid value: 'web_search_call.action.sources'.", "web_search_call.action.sources")]
    [InlineData("openai_responses", "Encrypted content is not supported with this model.", "reasoning.encrypted_content")]
    public async Task Refused_part_is_said_differently(string vendor, string message, string part)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Request.Text.Contains(part)
            ? exchange.Reply(400, JsonSerializer.Serialize(new { error = new { message } })) : exchange.Reply(500, "{}"));
        using var http = new ProviderHttp(TimeProvider.System);
        var request = Request(Endpoints.Local(vendor, upstream.BaseUrl)) with
        {
            Model = vendor switch { "anthropic" => "claude-4", "google_genai" => "gemini-3-pro", "openai_responses" => "gpt-5", _ => "m" },
            Reasoning = message.Contains("temperature") ? ChatReasoning.Default : new() { Enabled = true, Effort = ReasoningEffort.Low },
            Sampling = new() { Temperature = 0.5 },
            WebSearch = vendor == "openai_responses" ? new ChatWebSearch([], null, null) : null,
        };

        var deltas = ProviderRegistry.Create(http).Get(vendor).StreamAsync(request, CancellationToken.None);
        Assert.Contains("provider_server_error", await Transcript.WriteAsync(deltas));
        Assert.Equal(2, upstream.Connections);
    }

    [Theory]
    [InlineData(
        "anthropic",
        """{"data":[{"type":"model","id":"a","display_name":"A","max_input_tokens":200000,"max_tokens":64000,"capabilities":"""
            + """{"image_input":{"supported":true}}}],"has_more":false}""")]
    [InlineData(
        "google_genai",
        """{"models":[{"name":"models/a","displayName":"A","inputTokenLimit":200000,"outputTokenLimit":64000"""
            + ""","supportedGenerationMethods":["generateContent"]}]}""")]
    [InlineData(
        "azure_openai",
        """{"data":[{"id":"a","name":"A","context_length":200000,"max_output_tokens":64000,"capabilities":{"chat_completion":true}}]}""")]
    public async Task Model_list_has_limits(string vendor, string reply)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(200, reply));
        using var http = new ProviderHttp(TimeProvider.System);

        var provider = ProviderRegistry.Create(http).Get(vendor);
        var model = Assert.Single(await provider.ListModelsAsync(Endpoints.Local(vendor, upstream.BaseUrl), CancellationToken.None));

        Assert.Equal(("a", "A", 200_000, 64_000), (model.Id, model.Name, model.ContextLimit, model.MaxOutputTokens));
    }

    [Fact]
    public async Task Ollama_models_are_asked_for_one_by_one()
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Request switch
        {
            { Path: "/api/tags" } => exchange.Reply(200, """{"models":[{"name":"a:1b","model":"a:1b"},{"name":"b:1b"},{"name":"c:1b"},{"name":"d:1b"}]}"""),
            { Text: var text } when text.Contains("a:1b") =>
                exchange.Reply(
                    200,
                    """{"parameters":"stop  \"x\"\nnum_ctx   16384","model_info":"""
                        + """{"general.architecture":"llama","llama.context_length":131072},"capabilities":"""
                        + """["completion","vision","tools"]}"""),
            { Text: var text } when text.Contains("b:1b") =>
                exchange.Reply(
                    200, """{"model_info":{"general.architecture":"bert","bert.context_length":512},"capabilities":["embedding"]}"""),
            { Text: var text } when text.Contains("d:1b") =>
                exchange.Reply(
                    200, """{"model_info":{"general.architecture":"q","q.context_length":131072},"capabilities":["completion"]}"""),
            _ => exchange.Reply(500, ""),
        });
        using var http = new ProviderHttp(TimeProvider.System);

        var models = await new OllamaProvider(http).ListModelsAsync(
            Endpoints.Local("ollama", $"http://127.0.0.1:{upstream.Port}", null), CancellationToken.None);

        Assert.Equal(
            [
                new ProviderModel("a:1b") { ContextLimit = 16384, Vision = true, Tools = true, Reasoning = false, Chat = true },
                new ProviderModel("b:1b") { ContextLimit = 512, Vision = false, Tools = false, Reasoning = false, Chat = false },
                new ProviderModel("c:1b"),
                new ProviderModel("d:1b") { ContextLimit = 8192, Vision = false, Tools = false, Reasoning = false, Chat = true },
            ], models);
    }

    private static ChatRequest Request(ProviderEndpoint endpoint) =>
        new() { Endpoint = endpoint, Model = "m", Turns = [new ChatTurn(ChatRole.User, "Hi")] };

    private static ChatRequest Conversation(string model, string? state) => Request(Endpoints.Local("any", "http://127.0.0.1/v1")) with
    {
        Model = model,
        SystemPrompt = "Be brief",
        Tools = [new ChatTool("web_search", "d", """{"type":"object"}""")],
        ToolChoice = "auto",
        Turns =
        [
            new(ChatRole.User, "see") { Images = [ChatImage.FromBytes("image/png", new byte[] { 1, 2, 3 })] },
            new(ChatRole.Assistant, "") { ToolCalls = [Call, Call with { Id = "call_2" }], State = state },
            new(ChatRole.Tool, "one") { ToolCallId = "call_1" },
            new(ChatRole.Tool, "two") { ToolCallId = "call_2", ToolFailed = true },
        ],
    };

    private static Task<string> AnthropicAsync(ChatRequest request) => TextAsync(AnthropicBody.Build(request, Refused.None));

    internal static async Task<string> TextAsync(ProviderBody body)
    {
        var text = new StringBuilder();
        await body.WriteAsync(
            piece =>
            {
                text.Append(Encoding.UTF8.GetString(piece.Span));
                return ValueTask.CompletedTask;
            },
            CancellationToken.None);
        Assert.Equal(Encoding.UTF8.GetByteCount(text.ToString()), body.Length);
        return text.ToString();
    }
}
