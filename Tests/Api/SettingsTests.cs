using System.Net;
using System.Reflection;
using System.Text.Json;

namespace AiChat.Tests.Api;

public sealed class SettingsTests
{
    /// <summary>Every system setting with a value that is not its default.</summary>
    public static readonly TheoryData<string, string> Values = new()
    {
        { "registrationEnabled", "false" },
        { "brandText", "\"团队助手\"" },
        { "loginNotice", "\"For members only.\\nAsk Lin.\"" },
        { "welcomeText", "\"Ask about our products.\\nNo customer data, please.\"" },
        { "suggestions", "[\"Explain, briefly\",\"写一封回信\"]" },
        { "accentHue", "25" },
        { "defaultLocale", "\"zh\"" },
        { "siteBaseUrl", "\"https://chat.example.org\"" },
        { "chatImageRetentionDays", "0" },
        { "imageStorageMbPerUser", "5" },
        { "importMaxMb", "64" },
        { "temporaryChatHours", "1" },
        { "assistantReplyHistoryLimit", "20" },
        { "anonymousDailyQuota", "7" },
        { "anonymousRetentionDays", "3" },
        { "anonymousTotalDailyQuota", "9" },
        { "defaultUserDailyQuota", "-1" },
        { "defaultDailyTokenBudget", "100000" },
        { "defaultMonthlyTokenBudget", "2000000" },
        { "defaultDailyMoneyBudget", "0.5" },
        { "defaultMonthlyMoneyBudget", "12.25" },
        { "maxRuns", "100" },
        { "maxRunsPerUser", "2" },
        { "requestsPerMinute", "1000" },
        { "sseHeartbeatIntervalMs", "1000" },
        { "providerConnectTimeoutMs", "5000" },
        { "providerTimeoutMs", "3600000" },
        { "providerInitialGraceMs", "0" },
        { "providerMaxIdleMs", "1234" },
        { "providerReasoningIdleMs", "4321" },
        { "providerMaxRetries", "5" },
        { "streamDeltaFlushIntervalMs", "50" },
        { "usageEmit", "false" },
        { "defaultContextTokenLimit", "32768" },
        { "fallbackModels", """["acme.large","small"]""" },
        { "titleModel", "\"acme.small\"" },
        { "modelsRefreshIntervalS", "60" },
        { "reasoningEnabled", "false" },
        { "reasoningDefaultExpand", "true" },
        { "reasoningSaveToDb", "false" },
        { "reasoningTagsMode", "\"off\"" },
        { "reasoningCustomTags", """ "[\"<r>\",\"</r>\"]" """ },
        { "reasoningMaxOutputTokensDefault", "256000" },
        { "openaiReasoningEffort", "\"minimal\"" },
        { "ollamaThink", "true" },
        { "ollamaKeepAlive", "\"30m\"" },
        { "promptCaching", "false" },
        { "webSearchEnabled", "true" },
        { "webSearchEngine", "\"brave\"" },
        { "webSearchEndpoint", "\"https://search.example.org\"" },
        { "webSearchApiKey", "\"tvly-CANARY-0123456789\"" },
        { "webSearchLocal", "true" },
        { "webSearchResultLimit", "10" },
        { "webSearchDomainFilter", """["example.org","example.com"]""" },
        { "outboundProxy", "\"http://proxy.example:3128\"" },
        { "noProxy", """["corp.example","203.0.113.0/24"]""" },
        { "backupSchedule", "\"30 2 * * 1-5\"" },
        { "backupKeepDaily", "3" },
        { "backupKeepWeekly", "0" },
        { "backupS3Endpoint", "\"https://s3.example.org\"" },
        { "backupS3Bucket", "\"aichat-backups\"" },
        { "backupS3Region", "\"auto\"" },
        { "backupS3Prefix", "\"team/aichat\"" },
        { "backupS3AccessKey", "\"AKIA0123\"" },
        { "backupS3SecretKey", "\"s3-CANARY-0123456789\"" },
        { "backupS3PathStyle", "false" },
        { "backupS3Local", "true" },
        { "taskTraceEnabled", "true" },
        { "taskTraceDefaultOn", "true" },
        { "taskTraceAdminOnly", "false" },
        { "taskTraceEnv", "\"prod\"" },
        { "taskTraceRetentionDays", "365" },
        { "taskTraceMaxEvents", "100" },
        { "taskTraceIdleTimeoutMs", "1000" },
    };

    [Fact]
    public async Task Every_setting_gives_back_what_was_put_also_after_a_restart_and_null_resets_it()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var defaults = await admin.GetJson("/api/settings/system");
        Assert.Equal(defaults.EnumerateObject().Select(setting => setting.Name).Order(), Values.Select(row => (string)row[0]).Order());

        foreach (var row in Values)
        {
            var (key, value) = ((string)row[0], Json((string)row[1]));
            var changed =
                await (await admin.PatchJson("/api/settings/system", new Dictionary<string, JsonElement> { [key] = value })).Json();
            AssertShown(key, value, changed);
        }

        await server.RestartAsync();
        var kept = await admin.GetJson("/api/settings/system");
        foreach (var row in Values)
        {
            AssertShown((string)row[0], Json((string)row[1]), kept);
        }

        // The whole response of GET may be sent back and changes nothing.
        Assert.Equal(kept.GetRawText(), (await (await admin.PatchJson("/api/settings/system", kept)).Json()).GetRawText());
        var reset =
            await (await admin.PatchJson("/api/settings/system", Values.ToDictionary(row => (string)row[0], _ => (object?)null))).Json();
        Assert.Equal(defaults.GetRawText(), reset.GetRawText());
    }

    [Fact]
    public async Task A_patch_with_one_bad_field_changes_nothing_and_names_each()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var before = await admin.GetJson("/api/settings/system");

        var problem = await (await admin.PatchJson("/api/settings/system", new
        {
            brandText = "New",
            sseHeartbeatIntervalMs = 999,
            webSearchResultLimit = "4",
            reasoningTagsMode = "sometimes",
            siteBaseUrl = "javascript:alert(1)",
            usageEmit = 1,
            webSearchDomainFilter = new[] { "a b" },
        })).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");

        Assert.Equal(
            ["reasoningTagsMode", "siteBaseUrl", "sseHeartbeatIntervalMs", "usageEmit", "webSearchDomainFilter", "webSearchResultLimit"],
            problem.GetProperty("errors").EnumerateObject().Select(error => error.Name).Order());
        Assert.Equal(before.GetRawText(), (await admin.GetJson("/api/settings/system")).GetRawText());
    }

    [Fact]
    public async Task Half_a_character_is_not_a_text()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var body in new[]
        {
            """{"brandText":"\ud800"}""", """{"webSearchDomainFilter":["\ud800"]}""", """{"webSearchApiKey":"\ud800"}""",
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Patch, "/api/settings/system")
            {
                Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
            };
            await (await admin.SendAsync(request)).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }
    }

    [Fact]
    public async Task A_malformed_patch_is_a_bad_request()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        string[] bodies =
        [
            "{\"brandText\":",
            """{"noSuchSetting":1}""",
            """{"brandText":"a","brandText":"b"}""",
            "[]",
            "null",
        ];
        foreach (var body in bodies)
        {
            using var request = new HttpRequestMessage(HttpMethod.Patch, "/api/settings/system")
            {
                Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
            };
            await (await admin.SendAsync(request)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        }

        Assert.Equal("AiChat", (await admin.GetJson("/api/settings/branding")).GetProperty("brandText").GetString());
    }

    [Fact]
    public async Task Custom_tags_need_a_pair()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { reasoningTagsMode = "custom" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await admin.PatchJson("/api/settings/system", new { reasoningTagsMode = "custom", reasoningCustomTags = """["<a>"]""" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await admin.PatchJson(
            "/api/settings/system", new { reasoningTagsMode = "custom", reasoningCustomTags = """["<a>","</a>"]""" }))
            .Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_secret_goes_in_and_never_out()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        Assert.False((await admin.GetJson("/api/settings/system")).GetProperty("webSearchApiKey").GetProperty("set").GetBoolean());

        await (await admin.PatchJson("/api/settings/system", new { webSearchApiKey = "tvly-CANARY-0123456789" })).Expect(HttpStatusCode.OK);

        var shown = await admin.GetJson("/api/settings/system");
        Assert.True(shown.GetProperty("webSearchApiKey").GetProperty("set").GetBoolean());
        Assert.DoesNotContain("CANARY", shown.GetRawText());
        await server.StopAsync();
        Assert.All(
            Directory.GetFiles(server.DataDir, "app.db*"),
            file => Assert.DoesNotContain("tvly-CANARY", File.ReadAllText(file, System.Text.Encoding.Latin1)));
    }

    [Fact]
    public async Task Users_see_what_the_page_needs_and_change_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);

        var seen = await user.GetJson("/api/settings/system");
        Assert.True(seen.TryGetProperty("reasoningEnabled", out _));
        Assert.False(seen.TryGetProperty("webSearchApiKey", out _));
        Assert.False(seen.TryGetProperty("siteBaseUrl", out _));
        await (await user.PatchJson("/api/settings/system", new { brandText = "Mine" }))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await server.Client().GetAsync("/api/settings/system")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task Branding_follows_the_settings_and_the_setup()
    {
        await using var server = await TestServer.StartAsync();
        var stranger = server.Client();
        var fresh = await stranger.GetJson("/api/settings/branding");
        Assert.Equal("AiChat", fresh.GetProperty("brandText").GetString());
        Assert.True(fresh.GetProperty("setupRequired").GetBoolean());
        Assert.True(fresh.GetProperty("registrationOpen").GetBoolean());
        Assert.False(fresh.GetProperty("guestsAllowed").GetBoolean());

        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new
        {
            brandText = "Team",
            loginNotice = "For members only.",
            welcomeText = "Ask away.",
            registrationEnabled = false,
            defaultLocale = "zh",
        }))
            .Expect(HttpStatusCode.OK);

        var later = await stranger.GetJson("/api/settings/branding");
        Assert.Equal("Team", later.GetProperty("brandText").GetString());
        Assert.Equal("For members only.", later.GetProperty("loginNotice").GetString());
        Assert.Equal("Ask away.", later.GetProperty("welcomeText").GetString());
        Assert.False(later.GetProperty("setupRequired").GetBoolean());
        Assert.False(later.GetProperty("registrationOpen").GetBoolean());
        Assert.Equal("zh", later.GetProperty("defaultLocale").GetString());
    }

    [Fact]
    public async Task Variables_give_defaults_and_a_stored_value_wins()
    {
        var options = new TestServerOptions
        {
            Variables = new Dictionary<string, string>
            {
                ["BRAND_TEXT"] = "From outside",
                ["DEFAULT_CONTEXT_TOKEN_LIMIT"] = "16000",
                ["WEB_SEARCH_DOMAIN_FILTER"] = "example.org, example.com",
            },
        };
        await using var server = await TestServer.StartAsync(options);
        var admin = await server.RegisterAdminAsync();

        var given = await admin.GetJson("/api/settings/system");
        Assert.Equal("From outside", given.GetProperty("brandText").GetString());
        Assert.Equal(16_000, given.GetProperty("defaultContextTokenLimit").GetInt32());
        Assert.Equal(2, given.GetProperty("webSearchDomainFilter").GetArrayLength());
        await (await admin.PatchJson("/api/settings/system", new { brandText = "From inside" })).Expect(HttpStatusCode.OK);
        await server.RestartAsync();
        Assert.Equal("From inside", (await admin.GetJson("/api/settings/branding")).GetProperty("brandText").GetString());
    }

    [Fact]
    public async Task A_wrong_default_stops_the_start_and_is_named()
    {
        var options = new TestServerOptions { Variables = new Dictionary<string, string> { ["SSE_HEARTBEAT_INTERVAL_MS"] = "5" } };
        var error = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(options));
        Assert.Contains("SSE_HEARTBEAT_INTERVAL_MS", error.Message);
    }

    [Fact]
    public async Task App_info_tells_only_administrators_more_than_the_name()
    {
        await using var server = await TestServer.StartAsync();
        Assert.Equal(["name"], (await server.Client().GetJson("/api/settings/app-info")).EnumerateObject().Select(member => member.Name));
        var told = await (await server.RegisterAdminAsync()).GetJson("/api/settings/app-info");
        Assert.Matches(@"\A(3|PostgreSQL 1\d)\.", told.GetProperty("sqliteVersion").GetString());
        Assert.True(told.GetProperty("dataBytes").GetInt64() > 0);
        Assert.EndsWith("Z", told.GetProperty("startedAt").GetString());
        Assert.Empty(told.GetProperty("notices").EnumerateArray());
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task There_is_one_version_number()
    {
        await using var server = await TestServer.StartAsync();
        var told = await (await server.RegisterAdminAsync()).GetJson("/api/settings/app-info");
        var commit = told.TryGetProperty("commit", out var at) ? $"+{at.GetString()}" : "";
        Assert.Equal(AiChat.Commands.BuildFacts.Version, told.GetProperty("version").GetString() + commit);

        // No other place states a version that could disagree: health check, visitor's page, page package.
        foreach (var path in new[] { "/api/health", "/api/settings/health", "/api/settings/branding" })
        {
            Assert.DoesNotContain("ersion", await server.Client().GetStringAsync(path), StringComparison.Ordinal);
        }

        var root = typeof(SettingsTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .First(item => item.Key == "SourceRoot").Value!;
        var page = Json(await File.ReadAllTextAsync(Path.Combine(root, "ClientApp/package.json")));
        Assert.Equal("0.0.0", page.GetProperty("version").GetString());
    }

    [Fact]
    public async Task Personal_settings_are_kept_per_user_and_changed_in_part()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var model = (await user.GetJson("/api/catalog/models")).GetProperty("items")[0].GetProperty("id").GetString();

        await (await user.PutJson("/api/settings/personal", new { theme = "dark", preferredModel = model })).Expect(HttpStatusCode.OK);
        await (await user.PutJson("/api/settings/personal", new { locale = "zh", contextEnabled = false })).Expect(HttpStatusCode.OK);

        var mine = await user.GetJson("/api/settings/personal");
        Assert.Equal("dark", mine.GetProperty("theme").GetString());
        Assert.Equal("zh", mine.GetProperty("locale").GetString());
        Assert.Equal(model, mine.GetProperty("preferredModel").GetString());
        Assert.False(mine.GetProperty("contextEnabled").GetBoolean());
        Assert.Equal("system", (await admin.GetJson("/api/settings/personal")).GetProperty("theme").GetString());

        var cleared =
            await (await user.PutJson("/api/settings/personal", new { preferredModel = (string?)null, theme = (string?)null })).Json();
        Assert.False(cleared.TryGetProperty("preferredModel", out _));
        Assert.Equal("system", cleared.GetProperty("theme").GetString());
        await (await user.PutJson("/api/settings/personal", new { theme = "pink" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await user.PutJson("/api/settings/personal", new { preferredModel = "no-such" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.False(cleared.TryGetProperty("suggestions", out _));
        var offered = await (await user.PutJson(
            "/api/settings/personal", new { suggestions = new[] { "用表格比较" }, pinnedPrompts = new[] { 7L, 3 }, ownMarkdown = true })).Json();
        Assert.Equal("用表格比较", offered.GetProperty("suggestions")[0].GetString());
        Assert.Equal([7L, 3], offered.GetProperty("pinnedPrompts").EnumerateArray().Select(id => id.GetInt64()));
        Assert.True(offered.GetProperty("ownMarkdown").GetBoolean());
        foreach (var refused in new[] { Enumerable.Repeat("a", 9), ["two\nlines"], [new string('a', 301)], [" "] })
        {
            await (await user.PutJson("/api/settings/personal", new { suggestions = refused }))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        await (await admin.PatchJson("/api/settings/system", new { suggestions = new[] { "周报怎么写" } })).Expect(HttpStatusCode.OK);
        var branding = await server.Client().GetJson("/api/settings/branding");
        Assert.Equal("周报怎么写", branding.GetProperty("suggestions")[0].GetString());
        Assert.True(branding.GetProperty("reasoningEnabled").GetBoolean());
        Assert.False(branding.GetProperty("webSearchEnabled").GetBoolean());
        await (await server.Client().GetAsync("/api/settings/personal")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    private static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);

    private static void AssertShown(string key, JsonElement put, JsonElement shown)
    {
        var expected = key is "webSearchApiKey" or "backupS3SecretKey" ? Json("""{"set":true}""") : put;
        Assert.True(JsonElement.DeepEquals(expected, shown.GetProperty(key)), $"{key}: put {put}, shown {shown.GetProperty(key)}");
    }
}
