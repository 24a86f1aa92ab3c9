using System.Net;
using System.Text.Json;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>What a provider's prompt cache saved stands in the ledger as money, filling it included.</summary>
public sealed class CacheSavingTests
{
    [Theory]
    [InlineData(900, 0, "0.00243")] // 900 tokens for a tenth of 3 a million
    [InlineData(0, 900, "-0.000675")] // 900 tokens for 3.75 a million instead of 3
    [InlineData(0, 0, "0")]
    public async Task Saved_money_is_summed_with_the_cost(int read, int written, string amount)
    {
        var saved = decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture);
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "fine");
            await exchange.SendEvent(new
            {
                choices = new[] { new { index = 0, delta = new { }, finish_reason = "stop" } },
                usage = new
                {
                    prompt_tokens = 1_000,
                    completion_tokens = 10,
                    prompt_tokens_details = new { cached_tokens = read, cache_write_tokens = written },
                },
            });
            await exchange.Send("data: [DONE]\n\n");
        });
        var price = new { input = 3m, output = 15m, cachedInput = 0.3m, cacheWrite = 3.75m };
        await (await steps.Admin.PutJson("/api/catalog/models", new { connectionId = steps.Connection, model = "fake-model", price }))
            .Expect(HttpStatusCode.OK);
        var answer = await steps.Admin.AskAndWait(await steps.Admin.NewSession(steps.Connection), "hi");
        Assert.Equal(saved, answer.GetProperty("usage").GetProperty("saved").GetDecimal());

        var total = (await steps.Admin.GetJson("/api/usage/summary")).GetProperty("total");

        Assert.Equal((saved, 0.00315m - saved), (total.GetProperty("saved").GetDecimal(), total.GetProperty("cost").GetDecimal()));
        var csv = await steps.Admin.GetStringAsync("/api/admin/usage?format=csv");
        Assert.EndsWith($",{amount}\r\n", csv);
    }

    /// <summary>Keeping for an hour costs twice the input's price, for five minutes five quarters (Claude docs, "Pricing").</summary>
    [Theory]
    [InlineData(""" "cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":0} """, "", "0.00375")]
    [InlineData(""" "cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":1000} """, "", "0.006")]
    [InlineData(""" "cache_creation":{"ephemeral_5m_input_tokens":400,"ephemeral_1h_input_tokens":600} """, "", "0.0051")]
    [InlineData(""" "cache_creation":null """, ""","ttl":"1h" """, "0.006")]
    [InlineData(""" "cache_creation":null """, "", "0.00375")]
    public async Task Writing_for_an_hour_costs_more(string division, string ttl, string cost)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, $$"""
                {"type":"message","role":"assistant","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":
                {"input_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":1000,"output_tokens":0,{{division}} } }
                """),
            "anthropic");
        var price = new { input = 3m, output = 15m, cachedInput = 0.3m, cacheWrite = 3.75m };
        await (await steps.Admin.PutJson("/api/catalog/models", new { connectionId = steps.Connection, model = "fake-model", price }))
            .Expect(HttpStatusCode.OK);
        var part = $$"""[{"type":"text","text":"q","cache_control":{"type":"ephemeral"{{ttl}} } }]""";
        foreach (var path in (string[])["/v1/messages", "/v1/chat/completions"]) // one passed on, one translated
        {
            await (await steps.Script.PostRaw(
                path, $$"""{"model":"fake-model","max_tokens":9,"messages":[{"role":"user","content":{{part}}}]}""")).Expect(HttpStatusCode.OK);
        }

        var total = (await steps.Admin.GetJson("/api/usage/summary")).GetProperty("total");

        Assert.Equal(2 * decimal.Parse(cost, System.Globalization.CultureInfo.InvariantCulture), total.GetProperty("cost").GetDecimal());
    }

    /// <summary>The vendors count differently: OpenAI's prompt holds what the cache gave, Anthropic's input does not.</summary>
    [Theory]
    [InlineData(
        "anthropic", "/v1/chat/completions",
        """{"prompt_tokens":1000,"prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":300}}""")]
    [InlineData("anthropic", "/v1/responses", """{"input_tokens":1000,"input_tokens_details":{"cached_tokens":600}}""")]
    [InlineData(
        "openai", "/v1/messages", """{"input_tokens":100,"cache_read_input_tokens":600,"cache_creation_input_tokens":300}""")]
    public async Task Clients_read_the_cache_where_their_vendor_tells_of_it(string provider, string path, string expected)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, provider == "anthropic"
                ? """
                {"type":"message","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":
                {"input_tokens":100,"cache_read_input_tokens":600,"cache_creation_input_tokens":300,"output_tokens":1}}
                """
                : """
                {"choices":[{"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,
                "completion_tokens":1,"prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":300}}}
                """),
            provider);
        var turns = new[] { new { role = "user", content = "hi" } };

        var answer = await (await steps.Script.PostJson(path, path.EndsWith("responses", StringComparison.Ordinal)
            ? (object)new { model = "fake-model", input = turns } : new { model = "fake-model", max_tokens = 9, messages = turns })).Json();

        AssertHolds(JsonSerializer.Deserialize<JsonElement>(expected), answer.GetProperty("usage"));
    }

    private static void AssertHolds(JsonElement expected, JsonElement actual)
    {
        foreach (var member in expected.EnumerateObject())
        {
            var value = actual.GetProperty(member.Name);
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                AssertHolds(member.Value, value);
            }
            else
            {
                Assert.Equal((member.Name, member.Value.GetInt64()), (member.Name, value.GetInt64()));
            }
        }
    }
}
