using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Http;

/// <summary>Problems under /v1 in the format of its clients: OpenAI's, and Anthropic's on its own paths.</summary>
internal static class VendorErrors
{
    public static bool ApplyTo(PathString path) => path.StartsWithSegments("/v1");

    /// <summary>The path by which an error is written: routes that both vendors have answer a client in its own form.</summary>
    public static PathString PathOf(HttpRequest request) => IsFromAnthropic(request) ? "/v1/messages" : request.Path;

    /// <summary>Whether the client speaks Anthropic's protocol, which always names its version.</summary>
    public static bool IsFromAnthropic(HttpRequest request) => request.Headers.ContainsKey("anthropic-version");

    /// <summary>The vendors answer 400 where this server's own API answers 422; other servers of their protocols have a 422.</summary>
    public static int Status(Problem problem) =>
        problem.Status == 422 && !problem.Code.StartsWith("provider_", StringComparison.Ordinal) ? 400 : problem.Status;

    /// <summary>
    /// The failure of a provider. A client of the same protocol gets the provider's own status, type, code and param; one of another gets
    /// the status that stands for them in its own protocol.
    /// </summary>
    /// <param name="error">The failure.</param>
    /// <param name="path">The path of the request, which tells the client's protocol.</param>
    /// <param name="provider">The kind of provider that was asked.</param>
    public static Problem FromProvider(ProviderException error, PathString path, string provider)
    {
        var problem = Problems.FromProvider(error);
        var isAnthropic = IsAnthropic(path);
        var isSame = isAnthropic ? provider == "anthropic" : provider is "openai" or "azure_openai" or "openai_responses";
        var status = error.Failure switch
        {
            // The key is the administrator's: a client that is told 401 would take its own for wrong.
            ProviderFailure.Unauthorized when error.UpstreamStatus == 401 => 502,
            _ when isSame && error.UpstreamStatus is >= 400 and < 600 and not 407 and var own => own,
            ProviderFailure.BadRequest or ProviderFailure.ContextTooLong or ProviderFailure.ContentFilter => 400,
            ProviderFailure.ModelNotFound => 404,
            ProviderFailure.QuotaExhausted => 429,
            ProviderFailure.ServerError when error.UpstreamStatus is 503 or 529 => isAnthropic ? 529 : 503,
            ProviderFailure.ServerError when error.UpstreamStatus == 504 => 504,
            _ => problem.Status,
        };
        var code = error.Failure == ProviderFailure.ContextTooLong ? "context_length_exceeded"
            : error.Failure == ProviderFailure.QuotaExhausted && !isAnthropic ? "insufficient_quota" : problem.Code;
        return new Problem(status, code, problem.Detail)
        {
            RetryAfter = problem.RetryAfter,
            ShouldRetry = error.TriedAgain || (status >= 429 && !error.IsTransient) ? false : error.ShouldRetry,
            Vendor = isSame && error.UpstreamStatus != 401 ? error.Vendor : null,
        };
    }

    public static void Write(Utf8JsonWriter json, PathString path, Problem problem, string requestId)
    {
        if (IsAnthropic(path))
        {
            json.WriteString("type", "error");
            json.WriteStartObject("error");
            json.WriteString("type", problem.Vendor?.Type ?? AnthropicType(problem.Status));
            json.WriteString("message", Text(problem));
            if (problem.Unsupported is { } member)
            {
                json.WriteStartObject("details");
                json.WriteString("error_code", problem.Code);
                json.WriteStartArray("unsupported");
                json.WriteStringValue(member);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteString("request_id", requestId);
            return;
        }

        json.WriteStartObject("error");
        json.WriteString("message", Text(problem));
        json.WriteString("type", problem.Vendor?.Type ?? OpenAiType(problem));
        json.WriteString("param", problem.Vendor?.Param ?? problem.Param);
        json.WriteString("code", problem.Vendor is { } vendor ? vendor.Code : OpenAiCode(problem));
        json.WriteEndObject();
    }

    private static bool IsAnthropic(PathString path) => path.StartsWithSegments("/v1/messages");

    // The code by which OpenAI's clients know a limit that waiting does not open.
    private static string OpenAiCode(Problem problem) =>
        problem.Code is "quota_exceeded" or "budget_exceeded" ? "insufficient_quota" : problem.Code;

    private static string Text(Problem problem) => problem.Errors is null
        ? problem.Detail
        : string.Join(' ', problem.Errors.Select(field => $"{field.Key}: {string.Join(' ', field.Value)}"));

    private static string OpenAiType(Problem problem) => (problem.Status, problem.Code) switch
    {
        (429, "quota_exceeded" or "budget_exceeded" or "insufficient_quota") => "insufficient_quota",
        (429, _) => "rate_limit_error",
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        ( >= 500, _) => "server_error",
        _ => "invalid_request_error",
    };

    private static string AnthropicType(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        504 => "timeout_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
