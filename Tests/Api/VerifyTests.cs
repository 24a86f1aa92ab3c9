using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Catalog;
using AiChat.Providers.Transport;
using AiChat.Tests.Chat;
using AiChat.Tests.Providers;

namespace AiChat.Tests.Api;

/// <summary>
/// The test of a connection names the hop that failed and what to do, and a private authority is believed where it is named.
/// </summary>
public sealed class VerifyTests
{
    private const string Host = "model.example.com";
    private const string NoPem =
        "The text is not a certificate in PEM form: it begins with -----BEGIN CERTIFICATE----- and ends with its END line.";

    private const string Models = """{"data":[{"id":"m"}]}""";

    [Fact]
    public async Task Each_hop_is_told_apart()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await using var redirecting = FakeUpstream.Start(exchange => exchange.Reply(301, "", "text/html", "Location: /v2/models"));
        await using var closed = FakeUpstream.Start(exchange => exchange.Reply(401, """{"error":{"message":"bad key"}}"""));
        await using var absent = FakeUpstream.Start(exchange => exchange.Reply(404, "<html>", "text/html"));
        await using var page = FakeUpstream.Start(exchange => exchange.Reply(200, "<html>", "text/html"));
        await using var ill = FakeUpstream.Start(exchange => exchange.Reply(503, "no"));
        await using var good = FakeUpstream.Start(exchange => exchange.Reply(200, Models));

        const string unresolved = "dns! connect- answer- path- key- models-";
        await Expect(admin, "http://model.invalid/v1", false, "dns", "check_host", unresolved, "name_unknown");
        await Expect(admin, "http://ollama.invalid/v1", true, "dns", "check_local_name", unresolved, "name_unknown");
        await Expect(
            admin, $"http://127.0.0.1:{TestPorts.Free()}/v1", true, "connect", "localhost_is_here",
            "connect! answer- path- key- models-", "unreached");
        await Expect(
            admin, $"http://localhost:{good.Port}/v1", false, "connect", "allow_private", "dns+ connect! answer- path- key- models-",
            "address_forbidden");
        await Expect(
            admin, good.BaseUrl.Replace("http:", "https:", StringComparison.Ordinal), true, "tls", "check_scheme",
            "connect+ tls! answer- path- key- models-", "handshake");
        await Expect(admin, ill.BaseUrl, true, "answer", "try_later", "connect+ answer! path- key- models-", "> no");
        await Expect(admin, redirecting.BaseUrl, true, "path", "check_redirect", "connect+ answer+ path! key- models-", "redirect 301");
        await Expect(admin, absent.BaseUrl, true, "path", "check_path", "connect+ answer+ path! key- models-",
            $"not_there {absent.BaseUrl}/models (HTTP 404)");
        await Expect(admin, closed.BaseUrl, true, "key", "check_key", "connect+ answer+ path+ key! models-", "> bad key");
        await Expect(admin, page.BaseUrl, true, "models", "check_models", "connect+ answer+ path+ key+ models!", "not_json");
        await Expect(admin, good.BaseUrl, true, null, null, "connect+ answer+ path+ key+ models+");
    }

    [Theory]
    [InlineData("openai", "")]
    [InlineData("openai", "/v1/chat/completions")]
    [InlineData("openai", "/v1/models")]
    [InlineData("openai", " /v1\u200b/chat/completions?api-version=2024-10-21\n")]
    [InlineData("openai_responses", "/v1/responses")]
    [InlineData("openai", "/v1/v1")]
    [InlineData("openai", "/v1/chat/completions/chat/completions")]
    [InlineData("openai", "/v1/completions/")]
    [InlineData("openai", "/api/v1/chat")]
    public async Task The_address_that_was_meant_is_tried_and_offered(string provider, string path)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await using var upstream = FakeUpstream.Start(exchange =>
            exchange.Request.Path == "/v1/models" ? exchange.Reply(200, Models) : exchange.Reply(404, """{"detail":"Not Found"}"""));
        var origin = $"http://127.0.0.1:{upstream.Port}";

        var result = await (await admin.PostJson(
            "/api/connections/verify",
            new { name = "x", provider, baseUrl = origin + path, local = true, key = "k-for-this-test" })).Json();

        Assert.Equal((false, $"{origin}/v1"), (result.GetProperty("ok").GetBoolean(), result.Text("baseUrl")));
        Assert.Contains("/models was asked for and answered 404: Not Found", result.Text("detail"));
    }

    [Theory]
    [InlineData("openai", "/v1", "/api/paas/v4")]
    [InlineData("openai", "", "/compatible-mode/v1")]
    [InlineData("openai", "/v1/chat/completions", "/api/v3")]
    [InlineData("openai", "", "/v1beta/openai")]
    [InlineData("openai", "/chat/completions", "/v2")]
    [InlineData("openai", "/v1", "/v3/openai")]
    [InlineData("openai", "", "/api")]
    [InlineData("anthropic", "/v1/messages", "/coding")]
    [InlineData("anthropic", "", "/api")]
    [InlineData("anthropic", "", "/api/anthropic")]
    public async Task The_places_of_vendors_are_tried(string provider, string path, string place)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var models = provider == "anthropic" ? $"{place}/v1/models?limit=1000" : $"{place}/models";
        await using var upstream = FakeUpstream.Start(exchange =>
            exchange.Request.Path == models ? exchange.Reply(200, Models) : exchange.Reply(404, "{}"));
        var form = new { name = "x", provider, baseUrl = $"http://127.0.0.1:{upstream.Port}{path}", local = true, key = "k-for-this-test" };

        var result = await (await admin.PostJson("/api/connections/verify", form)).Json();

        Assert.Equal($"http://127.0.0.1:{upstream.Port}{place}", result.Text("baseUrl"));
    }

    [Fact]
    public async Task Models_entered_by_hand_do_not_hide_a_wrong_address()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await using var upstream = FakeUpstream.Start(exchange =>
            exchange.Request.Path == "/v1/models" ? exchange.Reply(200, Models) : exchange.Reply(404, """{"detail":"Not Found"}"""));
        var origin = $"http://127.0.0.1:{upstream.Port}";
        var form = new
        {
            name = "x",
            provider = "openai",
            baseUrl = origin,
            local = true,
            key = "k-for-this-test",
            modelIds = new[] { "m" },
        };

        var result = await (await admin.PostJson("/api/connections/verify", form)).Json();

        Assert.Equal(("provider_lists_no_models", $"{origin}/v1"), (result.Text("code"), result.Text("baseUrl")));
    }

    [Fact]
    public async Task A_private_authority_is_shown_pasted_and_believed_by_its_connection_only()
    {
        using var authority = TestCertificates.Authority("CN=Corporate Inspection CA, O=Example");
        using var other = TestCertificates.Authority("CN=Other CA");
        using var certificate = TestCertificates.Signed(Host, authority);
        await using var provider = new KeptUpstream(AnswerAsync, certificate);
        await using var proxy = new FakeProxy(provider.Port);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var form = new Dictionary<string, object>
        {
            ["name"] = "Fake",
            ["provider"] = "openai",
            ["baseUrl"] = $"https://{Host}/v1",
            ["proxy"] = proxy.Http,
            ["key"] = "sk-one-two-three",
        };

        var refused = await (await admin.PostJson("/api/connections/verify", form)).Json();
        var report = refused.GetProperty("report");
        var shown = report.GetProperty("certificate");
        Assert.Equal(("provider_tls", "tls", proxy.Http), (refused.Text("code"), report.Text("hop"), report.Text("via")));
        Assert.Equal("The certificate of the provider is signed by an authority that is not trusted here.", refused.Text("detail"));
        Assert.Equal(
            ("unknown_issuer", $"CN={Host}", "CN=Corporate Inspection CA, O=Example"),
            (shown.Text("problem"), shown.Text("subject"), shown.Text("issuer")));
        Assert.Equal([Host], shown.GetProperty("names").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(2099, shown.GetProperty("notAfter").GetDateTimeOffset().Year);

        form["caPem"] = other.ExportCertificatePem();
        var wrong = await (await admin.PostJson("/api/connections/verify", form)).Json();
        Assert.Equal("replace_authority", wrong.GetProperty("report").Text("adviceCode"));

        // As it is pasted: text around it, several certificates, CRLF.
        form["caPem"] = $"Company root\r\n{other.ExportCertificatePem()}\r\n{authority.ExportCertificatePem()}".ReplaceLineEndings("\r\n");
        var saved = await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created);
        Assert.Equal(1, saved.GetProperty("modelCount").GetInt32());
        Assert.Equal($"{other.ExportCertificatePem()}\n{authority.ExportCertificatePem()}\n", saved.Text("caPem"));

        // Whoever holds a certificate of another authority could read the key.
        var id = saved.Id();
        foreach (var (method, path) in new[] { (HttpMethod.Put, $"/api/connections/{id}"), (HttpMethod.Post, "/api/connections/verify") })
        {
            object change = method == HttpMethod.Put
                ? new { caPem = other.ExportCertificatePem() } : new { id, caPem = other.ExportCertificatePem() };
            var problem = await (await admin.SendJson(method, path, change))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
            Assert.Equal(
                "The certificate authority changed: enter the key again.",
                problem.GetProperty("errors").GetProperty("key")[0].GetString());
        }

        var emptied = await (await admin.PutJson($"/api/connections/{id}", new { caPem = "" })).Json();
        Assert.Equal(("provider_tls", JsonValueKind.Undefined),
            (emptied.Text("lastErrorCode"), emptied.TryGetProperty("caPem", out var none) && none.ValueKind != JsonValueKind.Null
                ? none.ValueKind : JsonValueKind.Undefined));
    }

    [NativeFact]
    public async Task An_authority_of_the_whole_server_is_named_by_a_variable()
    {
        using var authority = TestCertificates.Authority("CN=Corporate Inspection CA, O=Example");
        using var certificate = TestCertificates.Signed(Host, authority);
        await using var provider = new KeptUpstream(AnswerAsync, certificate);
        await using var proxy = new FakeProxy(provider.Port);
        var folder = Directory.CreateTempSubdirectory("aichat-test-");
        var file = Path.Combine(folder.FullName, "root.pem");
        await File.WriteAllTextAsync(file, authority.ExportCertificatePem());
        var variables = new Dictionary<string, string> { ["HTTPS_PROXY"] = proxy.Http, ["SSL_CERT_FILE"] = file };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        var admin = await server.RegisterAdminAsync();

        await Expect(admin, $"https://{Host}/v1", false, null, null, "proxy+ tls+ answer+ path+ key+ models+");

        variables["SSL_CERT_FILE"] = file + ".gone";
        await server.RestartAsync(new TestServerOptions { Variables = variables });
        await server.NextLine($"SSL_CERT_FILE names {file}.gone, which cannot be read.");
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("nothing", NoPem)]
    [InlineData("cut", NoPem)]
    [InlineData("key", "The text holds a private key. Paste only the certificate of the authority.")]
    [InlineData("garbage", "Certificate 2 of the text cannot be read.")]
    [InlineData("long", "The certificates have more than 49152 characters; keep only the authority that signs this provider.")]
    public async Task What_is_no_authority_is_refused_by_name(string kind, string rule)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = TestCertificates.Authority("CN=A");
        var pem = authority.ExportCertificatePem();
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();

        var problem = await (await admin.PostJson("/api/connections", new
        {
            name = "Fake",
            provider = "openai",
            baseUrl = "https://model.invalid/v1",
            key = "sk-one-two-three",
            caPem = kind switch
            {
                "cut" => pem[..^10],
                "key" => pem + "\n" + key.ExportPkcs8PrivateKeyPem(),
                "garbage" => pem + "\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
                "long" => new string('x', 50_000),
                _ => "hello",
            },
        })).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");

        Assert.Equal(rule, problem.GetProperty("errors").GetProperty("caPem")[0].GetString());
    }

    [Fact]
    public void The_page_words_every_reason_and_advice()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "AiChat.csproj")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        foreach (var language in new[] { "en", "zh" })
        {
            var texts = File.ReadAllText(Path.Combine(root, $"ClientApp/src/lib/i18n/{language}/way.ts"));
            Assert.All(CheckAdvice.Codes, code => Assert.Contains($"'advice.{code}':", texts));
            Assert.All(CallReason.Codes, code => Assert.Contains($"'reason.{code}':", texts));
        }
    }

    /// <param name="reason">The code and value of our own sentence, or after &gt; the provider's words.</param>
    private static async Task Expect(
        HttpClient admin, string baseUrl, bool local, string? hop, string? advice, string hops, string? reason = null)
    {
        var verified = await (await admin.PostJson(
            "/api/connections/verify", new { name = "Fake", provider = "openai", baseUrl, key = "sk-one-two-three", local })).Json();
        var report = verified.GetProperty("report");

        Assert.Equal(hop is null, verified.GetProperty("ok").GetBoolean());
        Assert.Equal((hop, advice), (Text(report, "hop"), Text(report, "adviceCode")));
        Assert.Equal(advice is null, Text(report, "advice") is null);
        var own = $"{Text(report, "reason")} {Text(report, "reasonValue")}".Trim();
        Assert.Equal(reason ?? "", Text(report, "quote") is { } words ? $"> {words}" : own);
        Assert.Equal(hops, string.Join(' ', report.GetProperty("hops").EnumerateArray().Select(one =>
            one.Text("hop") + (one.Text("state") switch { "passed" => "+", "failed" => "!", _ => "-" }))));
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static async Task AnswerAsync(Stream stream, System.Net.Sockets.Socket socket, FakeRequest request) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Models.Length}\r\n\r\n{Models}"));
}
