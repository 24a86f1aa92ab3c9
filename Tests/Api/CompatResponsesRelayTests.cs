using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Clients of OpenAI's Responses API and a provider that speaks it.</summary>
public sealed class CompatResponsesRelayTests
{
    private static readonly string Body = """
        {"model":"fake-model","stream":STREAM,"store":false,"include":["reasoning.encrypted_content"],"parallel_tool_calls":false,
        "reasoning":{"effort":"EFFORT","summary":"detailed"},"text":{"verbosity":"low","format":{"type":"json_schema","name":"p",
        "strict":true,"schema":{"type":"object"}}},"instructions":"Be brief.","prompt_cache_key":"k","max_output_tokens":7,
        "tools":[{"type":"custom","name":"apply_patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
        {"type":"namespace","name":"n","tools":[{"type":"function","name":"f","parameters":{},"strict":true}]},{"type":"web_search"}],
        "tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"web_search"}]},"next_year":1.50,
        "input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"rule"}]},
        {"role":"user","content":[{"type":"input_image","detail":"high","image_url":"data:image/png;base64,PICTURE"}]},
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"ENC"},
        {"type":"custom_tool_call","call_id":"call_1","name":"apply_patch","input":"*** Begin"},
        {"type":"custom_tool_call_output","call_id":"call_1","output":"ok"},
        {"type":"function_call","call_id":"call_2","name":"f","namespace":"n","arguments":"{}"},
        {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"22"}]},
        {"type":"next_year_item","x":1}]}
        """.ReplaceLineEndings("").Replace("PICTURE", CompatSteps.Png);

    private const string Output = """
        [{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"ENC2"},
        {"type":"custom_tool_call","id":"ctc_1","call_id":"call_3","name":"apply_patch","input":"*** End","status":"completed"},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi",
        "annotations":[{"type":"url_citation","url":"https://example.org","title":"E","start_index":0,"end_index":2}],"logprobs":[]}]}]
        """;

    private static readonly string Response = """
        {"id":"resp_up","object":"response","created_at":17,"status":"completed","model":"up","output":OUTPUT,"store":false,
        "service_tier":"flex","safety_identifier":null,"usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":3},
        "output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}}
        """.ReplaceLineEndings("");

    [Theory]
    [InlineData("none", "false")]
    [InlineData("minimal", "false")]
    [InlineData("xhigh", "true")]
    [InlineData("of-next-year", "true")]
    public async Task The_body_goes_on_as_it_came(string effort, string stream)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, Response.Replace("OUTPUT", Output)), "openai_responses");
        var body = Body.Replace("EFFORT", effort).Replace("STREAM", stream);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("OpenAI-Beta", "responses=experimental");

        await (await steps.Script.SendAsync(request)).Expect(HttpStatusCode.OK);

        Assert.Equal(body, steps.Upstream.Chats()[^1].Request.Text);
        Assert.Equal("responses=experimental", steps.Upstream.Chats()[^1].Request.Headers["openai-beta"]);
        Assert.Equal(16, UsageLimitTests.Number(steps.Server, "select sum(tokens) from daily_usage"));
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: 1); // it ends with results of tools
    }

    [Fact]
    public async Task A_stream_comes_back_as_it_is_but_for_the_name_of_the_model()
    {
        var pieces = Pieces("""{"id":"resp_up","object":"response","model":"up","status":"completed","output":OUTPUT,"usage":null}""");
        await using var steps = await CompatSteps.StartAsync(exchange => Stream(exchange, pieces), "openai_responses");

        await using var stream = await steps.Script.PostStream("/v1/responses", Ask(true));
        var frames = await stream.ReadAllAsync();

        Assert.Equal(pieces[1..^1], frames[1..^1].ConvertAll(frame => frame.Data));
        Assert.All(frames, frame => Assert.Equal(frame.Json.Text("type"), frame.Event));
        foreach (var (sent, got) in new[] { (pieces[0], frames[0]), (pieces[^1], frames[^1]) })
        {
            var expected = JsonDocument.Parse(sent.Replace("\"model\":\"up\"", "\"model\":\"fake-model\"")).RootElement;
            Assert.True(JsonElement.DeepEquals(expected, got.Json), got.Data);
        }
    }

    [Theory]
    [InlineData(Output)]
    [InlineData("[]")]
    public async Task A_whole_response_is_put_together_when_the_server_streams_it(string output)
    {
        var pieces = Pieces(Response.Replace("OUTPUT", output.ReplaceLineEndings("")));
        await using var steps = await CompatSteps.StartAsync(exchange => Stream(exchange, pieces), "openai_responses");

        var response = await (await steps.Script.PostJson("/v1/responses", Ask(false))).Json();

        var expected = JsonDocument.Parse(Response.Replace("OUTPUT", Output).Replace("\"up\"", "\"fake-model\"")).RootElement;
        Assert.True(JsonElement.DeepEquals(expected, response), response.GetRawText());
    }

    [Fact]
    public async Task A_server_that_does_not_stream_is_told_as_a_stream()
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, Response.Replace("OUTPUT", Output)), "openai_responses");

        await using var stream = await steps.Script.PostStream("/v1/responses", Ask(true));
        var frames = await stream.ReadAllAsync();

        Assert.Equal(("response.created", "response.completed"), (frames[0].Event, frames[^1].Event));
        Assert.Equal(["Hi"], frames.Where(frame => frame.Event == "response.output_text.delta").Select(frame => frame.Json.Text("delta")));
        Assert.Equal(3, frames.Count(frame => frame.Event == "response.output_item.done"));
        Assert.Equal(5, frames[^1].Json.GetProperty("response").GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Theory]
    [InlineData("previous_response_id", """ "input":"x","previous_response_id":"resp_1" """)]
    [InlineData("conversation", """ "input":"x","conversation":{"id":"conv_1"} """)]
    [InlineData("background", """ "input":"x","background":true """)]
    [InlineData("call_9", """ "input":[{"type":"function_call_output","call_id":"call_9","output":"x"}] """)]
    [InlineData("call_9", """ "input":[{"type":"custom_tool_call_output","call_id":"call_9","output":"x"}] """)]
    [InlineData("input", """ "input":[] """)]
    [InlineData("image", """ "input":[{"role":"user","content":[{"type":"input_image","image_url":"http://127.0.0.1/x"}]}] """)]
    [InlineData("file_url", """ "input":[{"role":"user","content":[{"type":"input_file","file_url":"http://127.0.0.1/x"}]}] """)]
    [InlineData("server_url", """ "input":"x","tools":[{"type":"mcp","server_label":"a","server_url":"http://127.0.0.1/x"}] """)]
    public async Task What_no_provider_could_answer_is_refused_by_name(string name, string rest)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"), "openai_responses");

        var answer = await steps.Script.PostRaw("/v1/responses", $$"""{"model":"fake-model",{{rest}}}""");
        var error = await answer.Json(HttpStatusCode.BadRequest);

        Assert.Contains(name, error.GetProperty("error").Text("message"));
        Assert.Empty(steps.Upstream.Chats());
    }

    private static string[] Pieces(string response) =>
    [
        """{"type":"response.created","sequence_number":0,"response":{"id":"resp_up","object":"response","model":"up","output":[]}}""",
        .. JsonDocument.Parse(Output).RootElement.EnumerateArray().Select(
            (item, at) => """{"type":"response.output_item.done","output_index":AT,"item":ITEM}"""
                .Replace("AT", at.ToString()).Replace("ITEM", JsonSerializer.Serialize(item))),
        """{"type":"response.custom_tool_call_input.delta","output_index":1,"item_id":"ctc_1","delta":"*** End"}""",
        """{"type":"response.next_year","obfuscation":"aGk","value":1.50}""",
        $$$"""{"type":"response.completed","sequence_number":9,"response":{{{response.Replace("OUTPUT", "[]")}}}}""",
    ];

    private static object Ask(bool stream) => new { model = "fake-model", input = "go", stream };

    private static async Task Stream(FakeExchange exchange, params string[] frames)
    {
        await exchange.StartSse();
        foreach (var frame in frames)
        {
            await exchange.Send($"event: {JsonDocument.Parse(frame).RootElement.Text("type")}\ndata: {frame}\n\n");
        }
    }
}
