using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Api;

public sealed class CatalogTests
{
    [Fact]
    public async Task The_demo_is_the_default_until_a_real_model_is_there()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["text-embedding-3-small", "gpt-4o", "my-finetune"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var first = (await user.GetJson("/api/catalog/models")).GetProperty("items");
        Assert.Equal("demo", Default(first).GetProperty("provider").GetString());

        await Connect(admin, upstream);

        var items = (await user.GetJson("/api/catalog/models")).GetProperty("items");
        var model = Default(items);
        Assert.Equal("gpt-4o", model.GetProperty("model").GetString());
        Assert.Equal("openai", model.GetProperty("provider").GetString());
        Assert.Equal("Fake", model.GetProperty("connectionName").GetString());
        Assert.True(model.GetProperty("capabilities").GetProperty("vision").GetBoolean());
        Assert.Equal("heuristic", model.GetProperty("capabilitySource").GetString());
        Assert.Equal(128_000, model.GetProperty("contextLimit").GetInt32());
        Assert.Equal(120_000, Model(items, "my-finetune").GetProperty("contextLimit").GetInt32());
        Assert.DoesNotContain(items.EnumerateArray(), item => item.GetProperty("model").GetString() == "text-embedding-3-small");
        Assert.DoesNotContain("127.0.0.1", items.GetRawText());
        Assert.Equal("demo", items.EnumerateArray().Last().GetProperty("provider").GetString());
        await (await server.Client().GetAsync("/api/catalog/models")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task An_administrators_word_stays_over_refreshes_and_null_takes_it_back()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o", "o3"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Connect(admin, upstream);

        await (await admin.PutJson("/api/catalog/models", new
        {
            connectionId = id,
            model = "o3",
            name = "Thinker",
            tags = new[] { "slow" },
            capabilities = new { vision = false },
            contextLimit = 1_000,
            maxOutputTokens = 500,
            price = new { input = 2.5, output = 10 },
            isDefault = true,
        })).Expect(HttpStatusCode.OK);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "o3", tags = new[] { "slow", "dear" } }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PostJson("/api/catalog/models/refresh", new { })).Expect(HttpStatusCode.OK);
        await server.RestartAsync();

        var model = Default((await admin.GetJson("/api/catalog/models")).GetProperty("items"));
        Assert.Equal("Thinker", model.GetProperty("name").GetString());
        Assert.Equal(2, model.GetProperty("tags").GetArrayLength());
        Assert.Equal("manual", model.GetProperty("capabilitySource").GetString());
        Assert.False(model.GetProperty("capabilities").GetProperty("vision").GetBoolean());
        Assert.True(model.GetProperty("capabilities").GetProperty("reasoning").GetBoolean());
        Assert.Equal(1_000, model.GetProperty("contextLimit").GetInt32());
        Assert.Equal(500, model.GetProperty("maxOutputTokens").GetInt32());
        Assert.Equal(2.5m, model.GetProperty("price").GetProperty("input").GetDecimal());

        await (await admin.PutJson(
            "/api/catalog/models", new { connectionId = id, model = "o3", name = (string?)null, contextLimit = (int?)null }))
            .Expect(HttpStatusCode.OK);
        var after = Model((await admin.GetJson("/api/catalog/models")).GetProperty("items"), "o3");
        Assert.Equal("o3", after.GetProperty("name").GetString());
        Assert.Equal(200_000, after.GetProperty("contextLimit").GetInt32());

        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", isDefault = true }))
            .Expect(HttpStatusCode.OK);
        Assert.Equal("gpt-4o", Default((await admin.GetJson("/api/catalog/models")).GetProperty("items")).GetProperty("model").GetString());
    }

    [Fact]
    public async Task Hidden_models_and_those_for_others_are_not_offered()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o", "o3", "gpt-4.1"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var userId = (await user.GetJson("/api/auth/me")).GetProperty("user").GetProperty("id").GetInt64();
        var id = await Connect(admin, upstream);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", hidden = true }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "o3", allowedUsers = new[] { 999_999 } }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4.1", allowedUsers = new[] { userId } }))
            .Expect(HttpStatusCode.OK);

        var items = (await user.GetJson("/api/catalog/models?all=true")).GetProperty("items");
        Assert.Equal(
            ["gpt-4.1"],
            items.EnumerateArray().Where(item => item.GetProperty("connectionId").GetInt64() == id)
                .Select(item => item.GetProperty("model").GetString()));
        Assert.False(items[0].TryGetProperty("allowedUsers", out _));
        await (await user.PutJson("/api/settings/personal", new { preferredModel = "o3" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        var all = (await admin.GetJson("/api/catalog/models?all=true")).GetProperty("items");
        Assert.True(Model(all, "gpt-4o").GetProperty("hidden").GetBoolean());
    }

    [Fact]
    public async Task A_provider_that_fails_keeps_its_list_and_the_reason_is_shown()
    {
        await using var server = await TestServer.StartAsync();
        var works = true;
        await using var upstream =
            FakeUpstream.Start(exchange => works ? OpenAiScript.Models(exchange, ["gpt-4o"]) : exchange.Reply(500, "{}"));
        var admin = await server.RegisterAdminAsync();
        var id = await Connect(admin, upstream);

        works = false;
        var refreshed = await (await admin.PostJson("/api/catalog/models/refresh", new { })).Json();
        Assert.Contains(
            refreshed.GetProperty("items").EnumerateArray(),
            item => item.GetProperty("connectionId").GetInt64() == id && !item.GetProperty("ok").GetBoolean());
        var failed = Connection(await admin.GetJson("/api/connections"), id);
        Assert.Equal(1, failed.GetProperty("modelCount").GetInt32());
        Assert.Equal("provider_server_error", failed.GetProperty("lastErrorCode").GetString());
        Assert.NotEmpty(failed.GetProperty("lastError").GetString()!);
        Assert.Equal("gpt-4o", Default((await admin.GetJson("/api/catalog/models")).GetProperty("items")).GetProperty("model").GetString());

        works = true;
        var healed = await (await admin.PostJson($"/api/connections/{id}/refresh", new { })).Json();
        Assert.False(healed.TryGetProperty("lastError", out _));
    }

    [Fact]
    public async Task Reading_never_waits_for_a_provider_and_one_question_serves_all_who_ask()
    {
        await using var server = await TestServer.StartAsync();
        var stalls = false;
        var release = new TaskCompletionSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            if (stalls)
            {
                await release.Task;
            }

            await OpenAiScript.Models(exchange, ["gpt-4o"]);
        });
        var admin = await server.RegisterAdminAsync();
        var id = await Connect(admin, upstream);
        await upstream.NextRequestAsync();

        stalls = true;
        var asking = Enumerable.Range(0, 5).Select(_ => admin.PostJson($"/api/connections/{id}/refresh", new { })).ToList();
        await upstream.NextRequestAsync();
        Assert.Equal("gpt-4o", Default((await admin.GetJson("/api/catalog/models")).GetProperty("items")).GetProperty("model").GetString());
        release.SetResult();

        Assert.All(await Task.WhenAll(asking), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.True(upstream.Connections <= 3, $"{upstream.Connections} questions for one answer");
    }

    [Fact]
    public async Task A_fixed_list_needs_no_list_from_the_provider()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(404, "{}"));
        var admin = await server.RegisterAdminAsync();
        var form = new
        {
            provider = "openai",
            name = "Fake",
            baseUrl = upstream.BaseUrl,
            key = "sk-0123456789abcdef",
            local = true,
            modelIds = new[] { "b", "a" },
        };

        var verified = await (await admin.PostJson("/api/connections/verify", form)).Json();
        var created = await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created);

        Assert.True(verified.GetProperty("ok").GetBoolean());
        Assert.Equal(2, created.GetProperty("modelCount").GetInt32());
        Assert.False(created.TryGetProperty("lastError", out _));
        var items = (await admin.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray()
            .Select(item => item.GetProperty("model").GetString());
        Assert.Equal(["b", "a"], items.Take(2));
    }

    [Fact]
    public async Task Overrides_are_exported_imported_and_reset()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o", "o3"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Connect(admin, upstream);
        await (await admin.PutJson("/api/catalog/models", new
        {
            connectionId = id,
            model = "o3",
            name = "Thinker",
            maxOutputTokens = 500,
            price = new { input = 1, output = 2 },
            isDefault = true,
        }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", hidden = true }))
            .Expect(HttpStatusCode.OK);
        var export = await admin.GetJson("/api/catalog/models/overrides");
        Assert.Equal(2, export.GetProperty("items").GetArrayLength());
        Assert.Equal(500, Model(export.GetProperty("items"), "o3").GetProperty("maxOutputTokens").GetInt32());

        Assert.Equal(
            1,
            (await (await admin.DeleteJson(
                "/api/catalog/models/overrides", new { items = new[] { new { connectionId = id, model = "o3" } } })).Json())
                .GetProperty("deleted").GetInt32());
        Assert.Equal(
            1,
            (await (await admin.DeleteJson("/api/catalog/models/overrides", new { all = true })).Json()).GetProperty("deleted").GetInt32());
        Assert.Equal(0, (await admin.GetJson("/api/catalog/models/overrides")).GetProperty("items").GetArrayLength());
        await (await admin.PostJson("/api/catalog/models/overrides/import", export)).Expect(HttpStatusCode.OK);
        Assert.Equal(export.GetRawText(), (await admin.GetJson("/api/catalog/models/overrides")).GetRawText());

        var bad = new
        {
            items = new object[] { new { connectionId = id, model = "x", name = "New" }, new { connectionId = 999, model = "y" } },
        };
        await (await admin.PostJson("/api/catalog/models/overrides/import", bad))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.Equal(export.GetRawText(), (await admin.GetJson("/api/catalog/models/overrides")).GetRawText());
    }

    [Fact]
    public async Task The_word_about_a_model_that_has_vanished_offers_nothing_waits_for_it_and_can_be_taken_back()
    {
        await using var server = await TestServer.StartAsync();
        string[] listed = ["gpt-4o", "o3"];
        await using var upstream = FakeUpstream.Start(exchange => OpenAiScript.Answer(listed, "hi")(exchange));
        var admin = await server.RegisterAdminAsync();
        var id = await Connect(admin, upstream);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "o3", name = "Thinker", isDefault = true }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(id, "o3");

        listed = ["gpt-4o"];
        await (await admin.PostJson("/api/catalog/models/refresh", new { })).Expect(HttpStatusCode.OK);
        var items = (await admin.GetJson("/api/catalog/models?all=true")).GetProperty("items");
        Assert.DoesNotContain(items.EnumerateArray(), item => item.Text("model") == "o3" || item.Text("name") == "Thinker");
        Assert.Equal("gpt-4o", Default(items).Text("model"));
        var asked = new { sessionId = session, content = "go", clientMessageId = "named", connectionId = id, model = "o3" };
        await (await admin.PostJson("/api/chat/stream", asked)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Equal("gpt-4o", (await admin.AskAndWait(session, "go")).Text("model"));

        // An override applies again when the model returns, and can be deleted while the model is away.
        Assert.Equal("Thinker", (await admin.GetJson("/api/catalog/models/overrides")).GetProperty("items")[0].Text("name"));
        listed = ["gpt-4o", "o3"];
        await (await admin.PostJson("/api/catalog/models/refresh", new { })).Expect(HttpStatusCode.OK);
        Assert.Equal("Thinker", Default((await admin.GetJson("/api/catalog/models")).GetProperty("items")).Text("name"));
        listed = ["gpt-4o"];
        await (await admin.PostJson("/api/catalog/models/refresh", new { })).Expect(HttpStatusCode.OK);
        var one = new { items = new[] { new { connectionId = id, model = "o3" } } };
        Assert.Equal(1, (await (await admin.DeleteJson("/api/catalog/models/overrides", one)).Json()).GetProperty("deleted").GetInt32());
        Assert.Equal(0, (await admin.GetJson("/api/catalog/models/overrides")).GetProperty("items").GetArrayLength());

        // It is deleted with its connection.
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", hidden = true }))
            .Expect(HttpStatusCode.OK);
        await (await admin.DeleteAsync($"/api/connections/{id}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(0, (await admin.GetJson("/api/catalog/models/overrides")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task The_order_an_administrator_gives_is_everybody_s_and_outlives_a_refresh_and_a_reset()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o", "o3", "gpt-4.1", "a'b"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var id = await Connect(admin, upstream);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "o3", name = "Thinker" }))
            .Expect(HttpStatusCode.OK);

        await (await admin.PutJson("/api/catalog/models/order", new { connectionId = id, models = new[] { "a'b", "o3" } }))
            .Expect(HttpStatusCode.NoContent);
        await (await admin.PostJson("/api/catalog/models/refresh", new { })).Expect(HttpStatusCode.OK);
        await server.RestartAsync();
        string[] expected = ["a'b", "o3", "gpt-4o", "gpt-4.1"];
        foreach (var client in new[] { admin, user })
        {
            Assert.Equal(
                expected,
                (await client.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray().Select(item => item.Text("model"))
                    .Take(4));
        }

        // A position alone does not count as an override, and resetting overrides keeps it.
        var items = (await admin.GetJson("/api/catalog/models?all=true")).GetProperty("items");
        Assert.False(Model(items, "a'b").GetProperty("overridden").GetBoolean());
        Assert.True(Model(items, "o3").GetProperty("overridden").GetBoolean());
        Assert.Equal(
            1,
            (await (await admin.DeleteJson(
                "/api/catalog/models/overrides", new { items = new[] { new { connectionId = id, model = "o3" } } })).Json())
                .GetProperty("deleted").GetInt32());
        items = (await admin.GetJson("/api/catalog/models?all=true")).GetProperty("items");
        Assert.Equal("o3", items[1].Text("name"));
        Assert.False(Model(items, "o3").GetProperty("overridden").GetBoolean());

        foreach (var wrong in new object[]
        {
            new { connectionId = 999, models = new[] { "o3" } }, new { connectionId = id, models = new[] { "o3", "nobody" } },
            new { connectionId = id, models = new string?[] { null } },
        })
        {
            await (await admin.PutJson("/api/catalog/models/order", wrong))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        await (await admin.PutJson("/api/catalog/models/order", new { connectionId = id, models = Array.Empty<string>() }))
            .Expect(HttpStatusCode.NoContent);
        Assert.Equal("gpt-4o", (await user.GetJson("/api/catalog/models")).GetProperty("items")[0].Text("model"));
        Assert.Equal(0, (await admin.GetJson("/api/catalog/models/overrides")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task An_import_says_first_what_it_would_add_change_and_not_know()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o", "o3"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Connect(admin, upstream);
        await (await admin.PutJson(
            "/api/catalog/models",
            new { connectionId = id, model = "o3", name = "Thinker", tags = new[] { "slow" }, maxOutputTokens = 500 }))
            .Expect(HttpStatusCode.OK);
        var stored = (await admin.GetJson("/api/catalog/models/overrides")).GetRawText();

        var body = new
        {
            items = new object[]
            {
                new { connectionId = id, model = "gpt-4o", hidden = true, price = new { input = 1, output = 2 } },
                new { connectionId = id, model = "o3", name = "Deep", tags = new[] { "slow" } },
                new { connectionId = id, model = "o3", name = "Thinker", maxOutputTokens = 500 },
                new { connectionId = 999, connectionName = "Elsewhere", model = "o3", name = "Deep" },
                new { connectionId = 999, connectionName = "Fake", model = "later", name = "Later" },
                new { connectionId = id, model = "o3", contextLimit = 0 },
            },
        };
        var lines = (await (await admin.PostJson("/api/catalog/models/overrides/import/preview", body)).Json()).GetProperty("items")
            .EnumerateArray()
            .Select(line => $"{line.Text("connectionName")} {line.Text("model")} {line.Text("outcome")} "
                + $"{line.GetProperty("listed").GetBoolean()} {string.Join(',', line.GetProperty("fields").EnumerateArray())}");
        Assert.Equal(
            [
                "Fake gpt-4o added True hidden,price", "Fake o3 changed True name", "Fake o3 same True ", "Elsewhere o3 unknown False ",
                "Fake later added False name", "Fake o3 invalid False contextLimit",
            ],
            lines);
        Assert.Equal(stored, (await admin.GetJson("/api/catalog/models/overrides")).GetRawText());
        await (await admin.PostJson("/api/catalog/models/overrides/import/preview", new { items = new object?[] { null } }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
    }

    [Fact]
    public async Task Overrides_that_break_a_rule_change_nothing()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var id = await Connect(admin, upstream);
        foreach (var (field, value) in new (string, object)[]
        {
            ("contextLimit", 0), ("maxOutputTokens", -1), ("name", ""), ("price", new { input = -1, output = 1 }),
            ("allowedUsers", new[] { 0 }), ("tags", new[] { "" }),
        })
        {
            var body = new Dictionary<string, object> { ["connectionId"] = id, ["model"] = "gpt-4o", [field] = value };
            var problem = await (await admin.PutJson("/api/catalog/models", body))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
            Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), field);
        }

        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "nobody" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", surprise = 1 }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", contextLimit = "5" }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Delete, "/api/catalog/models/overrides"), (HttpMethod.Post, "/api/catalog/models/overrides/import"),
        })
        {
            await (await admin.SendJson(method, path, new { items = new object?[] { null } }))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        await (await admin.DeleteJson("/api/catalog/models/overrides", new { }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await user.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", isDefault = true }))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await user.PostJson("/api/catalog/models/refresh", new { })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await user.GetAsync("/api/catalog/models/overrides")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await user.PostJson("/api/catalog/models/overrides/import", new { items = Array.Empty<object>() }))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.Equal(0, (await admin.GetJson("/api/catalog/models/overrides")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Lists_are_asked_again_after_a_while_and_failures_sooner()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var works = true;
        await using var upstream =
            FakeUpstream.Start(exchange => works ? OpenAiScript.Models(exchange, ["gpt-4o"]) : exchange.Reply(500, "{}"));
        var admin = await server.RegisterAdminAsync();
        await Connect(admin, upstream);
        await upstream.NextRequestAsync();

        works = false;
        await Advance(clock, upstream, TimeSpan.FromMinutes(11));
        works = true;
        await Advance(clock, upstream, TimeSpan.FromSeconds(46));
    }

    /// <summary>Advances the clock in small steps, at most by the given time, until the provider is asked again.</summary>
    private static async Task Advance(FakeTimeProvider clock, FakeUpstream upstream, TimeSpan max)
    {
        var asked = upstream.NextRequestAsync();
        for (var passed = TimeSpan.Zero; passed < max && !asked.IsCompleted; passed += TimeSpan.FromSeconds(15))
        {
            clock.Advance(TimeSpan.FromSeconds(15));
            await Task.WhenAny(asked, Task.Delay(50));
        }

        await asked;
    }

    private static async Task<long> Connect(HttpClient admin, FakeUpstream upstream)
    {
        var form = new { name = "Fake", provider = "openai", baseUrl = upstream.BaseUrl, key = "sk-0123456789abcdef", local = true };
        return (await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created)).GetProperty("id").GetInt64();
    }

    private static JsonElement Connection(JsonElement list, long id) =>
        list.GetProperty("items").EnumerateArray().Single(item => item.GetProperty("id").GetInt64() == id);

    private static JsonElement Default(JsonElement items) =>
        items.EnumerateArray().Single(item => item.GetProperty("isDefault").GetBoolean());

    private static JsonElement Model(JsonElement items, string model) =>
        items.EnumerateArray().Single(item => item.GetProperty("model").GetString() == model);
}
