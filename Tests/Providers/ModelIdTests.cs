using System.Net;
using AiChat.Providers.Google;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Providers;

/// <summary>A model's id in an address stays one segment, or is refused.</summary>
public sealed class ModelIdTests
{
    [Theory]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("a/../b", "a%2F..%2Fb")]
    [InlineData("../../secrets", "..%2F..%2Fsecrets")]
    [InlineData("a?b=c", "a%3Fb%3Dc")]
    [InlineData("a#b", "a%23b")]
    [InlineData("%2f", "%252f")]
    [InlineData("%2e%2e", "%252e%252e")]
    [InlineData("a\\b", "a%5Cb")]
    [InlineData("..\\", "..%5C")]
    [InlineData("a b", "a%20b")]
    [InlineData(" ", "%20")]
    [InlineData("...", "...")]
    [InlineData("a:b;c", "a%3Ab%3Bc")]
    [InlineData("模型", "%E6%A8%A1%E5%9E%8B")]
    public async Task Any_id_is_one_segment(string model, string segment)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(500, "{}"));
        using var http = new ProviderHttp(TimeProvider.System);
        var root = upstream.BaseUrl[..^3];

        await FailAsync(new GoogleProvider(http), Endpoints.Local("google_genai", root), model);
        await FailAsync(
            new AzureOpenAiProvider(http),
            Endpoints.Local("azure_openai", root) with { AzureApiVersion = "2024-10-21", Auth = ProviderAuth.ApiKey },
            model);

        Assert.Equal(
            [
                $"/openai/deployments/{segment}/chat/completions?api-version=2024-10-21",
                $"/v1beta/models/{segment}:streamGenerateContent?alt=sse",
            ],
            upstream.Exchanges.Select(exchange => exchange.Request.Path).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("a\nb")]
    [InlineData("a\0")]
    public async Task What_cannot_be_one_is_refused_before_anything_is_sent(string model)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(500, "{}"));
        using var http = new ProviderHttp(TimeProvider.System);
        var root = upstream.BaseUrl[..^3];

        Assert.Equal(
            ProviderFailure.BadRequest, (await FailAsync(new GoogleProvider(http), Endpoints.Local("google_genai", root), model)).Failure);
        Assert.Equal(ProviderFailure.BadRequest, (await FailAsync(
            new AzureOpenAiProvider(http),
            Endpoints.Local("azure_openai", root) with { AzureApiVersion = "2024-10-21", Auth = ProviderAuth.ApiKey },
            model)).Failure);

        Assert.Empty(upstream.Exchanges);
    }

    [Fact]
    public async Task The_catalogue_takes_none_that_cannot_be_one()
    {
        await using var upstream = FakeUpstream.Start(
            exchange => exchange.Reply(200, """{"data":[{"id":"."},{"id":".."},{"id":"a/b"},{"id":""},{"id":"c\u0000"}]}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var form = new { name = "Listed", provider = "openai", baseUrl = upstream.BaseUrl, authType = "none", local = true };

        await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created);
        foreach (var id in (string[])[".", "..", "", "a\nb"])
        {
            var connection = new
            {
                name = "By hand",
                provider = "openai",
                baseUrl = upstream.BaseUrl,
                authType = "none",
                local = true,
                modelIds = new[] { id },
            };
            await (await admin.PostJson("/api/connections", connection))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        var models = (await admin.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray()
            .Select(model => model.GetProperty("model").GetString());
        Assert.Equal(["a/b"], models.Where(model => model!.StartsWith('a') || model.StartsWith('.') || model.StartsWith('c')));
    }

    [Fact]
    public async Task Programs_find_models_with_any_id_and_no_others()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"), model: "a/b?c#d%2f");

        foreach (var path in (string[])["a/b%3Fc%23d%252f", "a%2Fb%3Fc%23d%252f"])
        {
            Assert.Equal(HttpStatusCode.OK, (await steps.Script.GetAsync($"/v1/models/{path}")).StatusCode);
        }

        foreach (var path in (string[])["%2E%2E%2Fa", "..%2F..%2Fhealth", "%252E%252E", "a%5Cb", "a%00", "%20", "%FF"])
        {
            Assert.InRange((int)(await steps.Script.GetAsync($"/v1/models/{path}")).StatusCode, 400, 404);
        }

        foreach (var model in (string[])[".", "..", "a\0", "../a"])
        {
            Assert.InRange(
                (int)(await steps.Chat(new { model, messages = new[] { new { role = "user", content = "hi" } } })).StatusCode, 400, 404);
        }

        Assert.Empty(steps.Upstream.Chats());
    }

    private static async Task<ProviderException> FailAsync(IChatProvider provider, ProviderEndpoint endpoint, string model) =>
        await Assert.ThrowsAsync<ProviderException>(async () =>
    {
        await foreach (var _ in provider.StreamAsync(
            ProviderHttpTests.Chat(endpoint.BaseUrl.AbsoluteUri) with { Endpoint = endpoint, Model = model }, CancellationToken.None))
        {
            // No delta is expected.
        }
    });
}
