using System.Text;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>
/// How vendors and servers say that a prompt is longer than the model reads: it is known as that, and its numbers are found. The wording
/// is that of each protocol or server, the numbers are ours.
/// </summary>
public sealed class ContextRefusalTests
{
    [Theory]
    [InlineData("This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", 8192, 9001)]
    [InlineData(
        "This model's maximum context length is 16384 tokens. However, you requested 20100 tokens (18100 in the messages, 2000 in the "
            + "completion).", 16384, 18100)]
    [InlineData(
        "This model's maximum context length is 2048 tokens. However, your request has 1900 input tokens plus 900.", 2048, 1900)]
    [InlineData("Your input exceeds the context window of this model. Please adjust your input and try again.", null, null)]
    [InlineData("prompt is too long: 213,462 tokens > 200,000 maximum", 200_000, 213_462)]
    [InlineData("input length and `max_tokens` exceed context limit: 178001 + 64000 > 200000, decrease input length", 200_000, 178_001)]
    [InlineData("The input token count (1200001) exceeds the maximum number of tokens allowed (1048576).", 1_048_576, 1_200_001)]
    [InlineData("This model's maximum prompt length is 131072 but the request contains 150001 tokens.", 131_072, 150_001)]
    [InlineData("Prompt contains 40001 tokens and 0 draft tokens, too large for model with 32768 maximum context length", 32_768, 40_001)]
    [InlineData("Your request exceeded model token limit: 262144 (requested: 290001)", 262_144, 290_001)]
    [InlineData("Range of input length should be [1, 30720]", 30_720, null)]
    [InlineData("length of prompt_tokens (40001) must be less than max_seq_len (32768).", 32_768, 40_001)]
    [InlineData("The input (210001 tokens) is longer than the model's context length (200000 tokens).", 200_000, 210_001)]
    [InlineData("Input length (160001 tokens) exceeds the maximum allowed length (59862 tokens).", 59_862, 160_001)]
    [InlineData("prompt token count of 70001 exceeds the limit of 64000", 64_000, 70_001)]
    [InlineData("This endpoint's maximum context length is 32768 tokens. However, you requested about 40001 tokens "
        + "(39001 of text input, 1000 in the output).", 32_768, 39_001)]
    [InlineData("tokens to keep from the initial prompt is greater than the context length (n_keep: 9001 >= n_ctx: 4096)", 4_096, null)]
    [InlineData("Trying to keep the first 5001 tokens when the model is loaded with context length of only 4096 tokens", 4_096, null)]
    [InlineData("prompt too long; exceeded max context length by 17 tokens", null, null)]
    [InlineData("invalid params, context window exceeds limit (2013)", null, null)]
    [InlineData("Input is too long for requested model.", null, null)]
    [InlineData("Please reduce the length of the messages or completion.", null, null)]
    [InlineData("Prompt 超长", null, null)]
    [InlineData("This model's maximum context length is 3 tokens. However, your request has 900 input tokens.", null, 900)]
    public void A_refused_length_is_known_with_its_numbers(string message, int? limit, int? prompt)
    {
        var error = Read(400, JsonSerializer.Serialize(new { error = new { message, type = "invalid_request_error" } }));
        Assert.Equal((ProviderFailure.ContextTooLong, new ContextRefusal(limit, prompt)), (error.Failure, error.Context));
    }

    [Theory]
    [InlineData(
        400, """{"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":9001,"n_ctx":4096}}""", 4_096, 9_001)]
    [InlineData(
        500, """{"error":{"code":500,"type":"exceed_context_size_error","n_prompt_tokens":9001,"n_ctx":4096}}""", 4_096, 9_001)]
    [InlineData(
        413, """{"error":{"message":"Request too large on tokens per minute (TPM): Limit 6000, Requested 7001"}}""", 6_000, 7_001)]
    public void Numbers_stand_in_members_too(int status, string body, int? limit, int? prompt)
    {
        var error = Read(status, body);
        Assert.Equal((ProviderFailure.ContextTooLong, new ContextRefusal(limit, prompt)), (error.Failure, error.Context));
    }

    [Theory]
    [InlineData(429, "Rate limit reached for tokens per min: too many tokens", ProviderFailure.RateLimited)]
    [InlineData(400, "temperature must be at most 2", ProviderFailure.BadRequest)]
    [InlineData(400, "Range of max_tokens should be [1, 8192]", ProviderFailure.BadRequest)]
    public void Other_refusals_are_not_taken_for_it(int status, string message, object failure)
    {
        Assert.Equal(failure, Read(status, JsonSerializer.Serialize(new { error = new { message } })).Failure);
    }

    private static ProviderException Read(int status, string body) => ProviderErrors.FromError(
        ErrorText.Read(Encoding.UTF8.GetBytes(body)) with { Status = status }, Endpoints.Local("openai", "http://localhost"));
}
