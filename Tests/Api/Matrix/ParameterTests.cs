using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

/// <summary>
/// Every member of the vendors' requests and of the parts, items and blocks of their conversations (the types of openai 6.30 and
/// @anthropic-ai/sdk 1.12, and what gateways and servers add) at every provider: sent as it came, sent in the provider's own member,
/// refused by its name in the form of the client's vendor, or one of those that README says change no answer.
/// </summary>
public sealed class ParameterTests(MatrixServer server) : IClassFixture<MatrixServer>
{
    /// <summary>The members of the vendors' own types but those that every request of a test has.</summary>
    private static readonly Dictionary<string, string> Official = new()
    {
        ["chat"] = "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata "
            + "modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort "
            + "response_format safety_identifier seed service_tier stop store stream_options temperature tool_choice tools top_logprobs "
            + "top_p user verbosity web_search_options",
        ["responses"] = "background context_management conversation include instructions max_output_tokens max_tool_calls metadata "
            + "parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning safety_identifier "
            + "service_tier store stream_options temperature text tool_choice tools top_logprobs top_p truncation user",
        ["messages"] = "billing_policy betas cache_control compaction container context_management diagnostics fallback_credit_token "
            + "fallbacks inference_geo max_tokens mcp_servers metadata output_config output_format service_tier speed stop_sequences "
            + "system temperature thinking thread tool_choice tools top_k top_p user_profile_id workspace_id",
    };

    public static TheoryData<string, string, string, string, string> Cells()
    {
        var cells = new TheoryData<string, string, string, string, string>();
        foreach (var (table, inbound) in Official.Keys.Zip(InboundProtocol.All))
        {
            foreach (var row in Rows(table))
            {
                foreach (var (at, provider) in StandIn.All.Index().Where(one => row[one.Index + 2] != "."))
                {
                    cells.Add(inbound.Path, row[0], row[1], provider.Kind, row[at + 2]);
                }
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task No_member_is_lost_in_silence(string path, string member, string added, string kind, string becomes)
    {
        var inbound = InboundProtocol.All.Single(one => one.Path == path);
        var provider = StandIn.All.Single(one => one.Kind == kind);
        var (status, text) = await Ask(inbound, provider, added);
        if (becomes[0] == 'x')
        {
            AssertNames(becomes.Length > 1 ? becomes[2..] : member, path, status, text);
            return;
        }

        Assert.True(status == HttpStatusCode.OK, text);
        var sent = server.Sent(provider);
        var members = JsonNode.Parse(added)!.AsObject();
        if (becomes == "=")
        {
            var all = JsonNode.Parse(sent.GetRawText())!;
            Assert.All(members, one => Assert.True(JsonNode.DeepEquals(one.Value, all[one.Key]), sent.GetRawText()));
        }
        else if (becomes == "-" && members[member] is { } value)
        {
            Assert.DoesNotContain($"\"{member}\":{value.ToJsonString()}", sent.GetRawText());
        }
        else if (becomes == "-")
        {
            var name = member[(member.LastIndexOfAny([' ', '.']) + 1)..];
            Assert.Contains($"\"{name}\":", added);
            Assert.DoesNotContain($"\"{name}\":", sent.GetRawText());
        }
        else
        {
            var (place, found) = (becomes[..becomes.IndexOf('=')], becomes[(becomes.IndexOf('=') + 1)..]);
            Assert.Equal(found, Find(sent, place)?.GetRawText());
        }
    }

    [Fact]
    public void Every_member_of_the_vendors_types_is_in_the_table()
    {
        foreach (var (table, names) in Official)
        {
            Assert.Empty(names.Split(' ').Except(Rows(table).Select(row => row[0])));
        }
    }

    /// <summary>The type, the code and the member stand where each vendor's library reads them.</summary>
    private static void AssertNames(string member, string path, HttpStatusCode status, string text)
    {
        Assert.True(status == HttpStatusCode.BadRequest, $"{(int)status} {text}");
        var answer = JsonSerializer.Deserialize<JsonElement>(text);
        var error = answer.GetProperty("error");
        Assert.Contains(member, error.GetProperty("message").GetString());
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        if (path == "/v1/messages")
        {
            Assert.Equal("error", answer.GetProperty("type").GetString());
            return;
        }

        var isGap = error.GetProperty("code").ValueEquals("unsupported_parameter");
        Assert.Equal(isGap, error.GetProperty("param").ValueKind == JsonValueKind.String);
    }

    private async Task<(HttpStatusCode Status, string Text)> Ask(InboundProtocol inbound, StandIn provider, string added)
    {
        var body = inbound.Ask(provider.Model, new Wish("text") { Stream = false });
        foreach (var (name, value) in JsonNode.Parse(added)!.AsObject())
        {
            body[name] = value?.DeepClone();
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, inbound.Path) { Content = new StringContent(body.ToJsonString()) };
        request.Content.Headers.ContentType = new("application/json");
        using var response = await server.Script.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static JsonElement? Find(JsonElement element, string place)
    {
        foreach (var step in place.Split('.'))
        {
            if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty(step, out var member))
            {
                element = member;
            }
            else if (element.ValueKind == JsonValueKind.Array && int.TryParse(step, out var at) && at < element.GetArrayLength())
            {
                element = element[at];
            }
            else
            {
                return null;
            }
        }

        return element;
    }

    private static IEnumerable<string[]> Rows(string table) => new[] { table, table + "-parts" }
        .SelectMany(file => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Api", "Matrix", "Parameters", file + ".txt")))
        .Select(row => row.Replace("PNG", Convert.ToBase64String(SampleImages.Png()), StringComparison.Ordinal).Split(" | "));
}
