using System.Net;
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
        await steps.Admin.AskAndWait(await steps.Admin.NewSession(steps.Connection), "hi");

        var total = (await steps.Admin.GetJson("/api/usage/summary")).GetProperty("total");

        Assert.Equal((saved, 0.00315m - saved), (total.GetProperty("saved").GetDecimal(), total.GetProperty("cost").GetDecimal()));
        var csv = await steps.Admin.GetStringAsync("/api/admin/usage?format=csv");
        Assert.EndsWith($",{amount}\r\n", csv);
    }
}
