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

    /// <summary>These protocols have no 422.</summary>
    public static int Status(int status) => status == 422 ? 400 : status;

    /// <summary>The failure of a provider, with the status that clients of its own API would get.</summary>
    public static Problem FromProvider(ProviderException error)
    {
        var problem = Problems.FromProvider(error);
        var status = error.Failure switch
        {
            ProviderFailure.BadRequest or ProviderFailure.ContextTooLong or ProviderFailure.ContentFilter => 400,
            ProviderFailure.ModelNotFound => 404,
            _ => problem.Status,
        };
        var code = error.Failure == ProviderFailure.ContextTooLong ? "context_length_exceeded" : problem.Code;
        return new Problem(status, code, problem.Detail) { RetryAfter = problem.RetryAfter };
    }

    public static void Write(Utf8JsonWriter json, PathString path, Problem problem, string requestId)
    {
        if (path.StartsWithSegments("/v1/messages"))
        {
            json.WriteString("type", "error");
            json.WriteStartObject("error");
            json.WriteString("type", AnthropicType(problem.Status));
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
        json.WriteString("type", OpenAiType(problem));
        json.WriteNull("param");
        json.WriteString("code", problem.Code);
        json.WriteEndObject();
    }

    private static string Text(Problem problem) => problem.Errors is null
        ? problem.Detail
        : string.Join(' ', problem.Errors.Select(field => $"{field.Key}: {string.Join(' ', field.Value)}"));

    private static string OpenAiType(Problem problem) => (problem.Status, problem.Code) switch
    {
        (429, "quota_exceeded" or "budget_exceeded") => "insufficient_quota",
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
        503 => "overloaded_error",
        504 => "timeout_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
