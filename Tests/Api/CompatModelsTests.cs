using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>The models under /v1, in the form of the vendor whose client asks.</summary>
public sealed class CompatModelsTests
{
    [Fact]
    public async Task A_model_is_found_by_an_id_with_encoded_slashes()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(404, "{}"), model: "org/model:free");
        foreach (var path in new[] { "org/model:free", "org%2Fmodel%3Afree", "org%2fmodel:free", "org%2Fmodel%3Afree?x=%2F" })
        {
            Assert.Equal("org/model:free", (await steps.Script.GetJson($"/v1/models/{path}")).Text("id"));
        }

        foreach (var path in new[] { "org", "org%252Fmodel%253Afree", "org/model", "%2E%2E%2Fmodels" })
        {
            using var missing = await steps.Script.GetAsync($"/v1/models/{path}");
            Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        }
    }

    [Fact]
    public async Task Each_vendor_gets_its_own_list_with_what_its_clients_read()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(404, "{}"));
        var open = await steps.Script.GetJson("/v1/models");
        Assert.Equal("list", open.Text("object"));
        var model = open.GetProperty("data").EnumerateArray().Single(item => item.Text("id") == "fake-model");
        Assert.Equal(("model", "Fake"), (model.Text("object"), model.Text("owned_by")));
        Assert.True(model.GetProperty("created").GetInt64() > 0);
        Assert.True(model.GetProperty("context_length").GetInt32() > 0);

        async Task<JsonElement> Ask(string query, HttpStatusCode status = HttpStatusCode.OK)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models" + query);
            request.Headers.Add("anthropic-version", "2023-06-01");
            return await (await steps.Script.SendAsync(request)).Json(status);
        }

        var all = await Ask("?limit=1000");
        var ids = all.GetProperty("data").EnumerateArray().Select(item => item.Text("id")!).ToList();
        Assert.Equal((false, ids[0], ids[^1]), (all.GetProperty("has_more").GetBoolean(), all.Text("first_id"), all.Text("last_id")));
        Assert.False(all.TryGetProperty("object", out _));
        Assert.All(all.GetProperty("data").EnumerateArray(), item => Assert.Equal("model", item.Text("type")));
        Assert.True(ids.Count > 1);

        List<string> pages = [];
        for (var page = await Ask("?limit=1"); ; page = await Ask("?limit=1&after_id=" + pages[^1]))
        {
            pages.AddRange(page.GetProperty("data").EnumerateArray().Select(item => item.Text("id")!));
            if (!page.GetProperty("has_more").GetBoolean())
            {
                break;
            }
        }

        Assert.Equal(ids, pages);
        Assert.Equal(ids[^2], (await Ask("?limit=1&before_id=" + ids[^1])).Text("first_id"));
        var wrong = await Ask("?limit=0", HttpStatusCode.BadRequest);
        Assert.Equal(("error", "invalid_request_error"), (wrong.Text("type"), wrong.GetProperty("error").Text("type")));
        Assert.Equal("not_found_error", (await Ask("/nothing", HttpStatusCode.NotFound)).GetProperty("error").Text("type"));
    }
}
