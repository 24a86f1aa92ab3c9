using System.Text.Json;
using AiChat.Data;
using AiChat.Providers.Transport;
using Microsoft.AspNetCore.Diagnostics;

namespace AiChat.Endpoints.Http;

/// <summary>The JSON of an RFC 9457 problem. Clients branch on <see cref="Code"/> only.</summary>
internal sealed record ProblemBody(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Code,
    string? TraceId,
    IReadOnlyDictionary<string, string[]>? Errors = null);

/// <summary>The failure that a handler returns.</summary>
internal sealed class Problem(int status, string code, string detail) : IResult, IStatusCodeHttpResult
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public string Detail { get; } = detail;

    /// <summary>Seconds after which the same call may succeed.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>
    /// Whether the vendors' clients are to repeat the call by themselves; null leaves it to their own rules. False when it was repeated
    /// here already, or cannot succeed.
    /// </summary>
    public bool? ShouldRetry { get; init; }

    /// <summary>The words of the provider, for a client of its protocol under /v1; null for the server's own.</summary>
    public VendorError? Vendor { get; init; }

    /// <summary>The broken rules by field, for 422.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>The member of the request that the problem is about; null when there is none.</summary>
    public string? Param { get; init; }

    /// <summary>The member that is not offered here, where the client of a vendor has a way to do without it.</summary>
    public string? Unsupported { get; init; }

    int? IStatusCodeHttpResult.StatusCode => Status;

    public ProblemBody Body(string? traceId) => new("about:blank", Problems.Title(Status), Status, Detail, Code, traceId, Errors);

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        response.Headers.CacheControl = "no-store";
        if (RetryAfter is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString();
        }

        if (ShouldRetry is { } again)
        {
            response.Headers["x-should-retry"] = again ? "true" : "false";
        }

        if (VendorErrors.ApplyTo(httpContext.Request.Path))
        {
            response.StatusCode = VendorErrors.Status(this);
            var path = VendorErrors.PathOf(httpContext.Request);
            var body = new JsonResult(json => VendorErrors.Write(json, path, this, httpContext.TraceIdentifier));
            return body.ExecuteAsync(httpContext);
        }

        return response.WriteAsJsonAsync(Body(httpContext.TraceIdentifier), HttpJson.Wire.ProblemBody, "application/problem+json");
    }
}

/// <summary>Builds all problems, also from exceptions and from bare status codes.</summary>
internal static partial class Problems
{
    public static Problem BadRequest(string detail) => new(400, "bad_request", detail);

    public static Problem Unauthenticated() => new(401, "unauthenticated", "Sign in first.");

    /// <summary>A client under /v1 without a key.</summary>
    public static Problem NoKey() => new(401, "unauthenticated", "Send an API key, as a bearer token or in x-api-key.");

    /// <summary>A client under /v1 with a key that opens nothing.</summary>
    public static Problem WrongKey() => new(401, "invalid_api_key", "This API key does not exist, was revoked or has expired.");

    public static Problem Forbidden(string detail = "You may not do this.", string code = "forbidden") => new(403, code, detail);

    /// <summary>The same response for what is missing and for what belongs to somebody else.</summary>
    public static Problem NotFound() => new(404, "not_found", "There is nothing here.");

    public static Problem Conflict(string code, string detail) => new(409, code, detail);

    public static Problem Invalid(string field, string message) => Invalid(new Dictionary<string, string[]> { [field] = [message] });

    public static Problem Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        new(422, "validation_failed", "Some fields are not valid.") { Errors = errors };

    public static Problem TooMany(string code, string detail, int retryAfter) =>
        new(429, code, detail) { RetryAfter = Math.Max(1, retryAfter) };

    public static Problem Overloaded(int retryAfter = 1) =>
        new(503, "overloaded", "The server has more work than it can take.") { RetryAfter = retryAfter };

    /// <summary>The failure of a provider, without what the user may not see.</summary>
    public static Problem FromProvider(ProviderException error) => new(
        error.Failure switch
        {
            ProviderFailure.RateLimited => 429,
            ProviderFailure.ConnectTimeout or ProviderFailure.FirstByteTimeout or ProviderFailure.IdleTimeout
                or ProviderFailure.TotalTimeout => 504,
            _ => 502,
        },
        error.Failure.Code(),
        error.Detail)
    {
        RetryAfter = error.RetryAfter is { } wait ? (int)Math.Ceiling(Math.Clamp(wait.TotalSeconds, 1, 86_400)) : null,
    };

    public static Problem FromStore(StoreException error) => error.Failure switch
    {
        StoreFailure.Busy => Overloaded(),
        StoreFailure.Full => new Problem(507, "storage_full", "The server's disk is full. Nothing was changed."),
        StoreFailure.Unavailable => new Problem(503, "storage_unavailable", error.InnerException is ProviderException
            ? "The store of the images cannot be used now." : "The server's database cannot be used now.")
        { RetryAfter = 5 },
        StoreFailure.TooLong =>
            new Problem(503, "overloaded", "This asks for more than can be read in time. Ask for less.") { RetryAfter = 5 },
    };

    /// <summary>Turns every exception and every empty error response into a problem.</summary>
    public static void UseProblems(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("AiChat.Problems");
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            AllowStatusCode404Response = true,
            SuppressDiagnosticsCallback = _ => true,
            ExceptionHandler = context => Handle(context, logger),
        });
        app.Use(async (context, next) =>
        {
            await next(context);
            if (IsEmpty(context.Response) && FromStatus(context.Response.StatusCode) is { } problem)
            {
                await problem.ExecuteAsync(context);
            }
        });
    }

    public static string Title(int status) => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);

    private static bool IsEmpty(HttpResponse response) =>
        !response.HasStarted && response.ContentLength is null && string.IsNullOrEmpty(response.ContentType);

    private static Task Handle(HttpContext context, ILogger logger)
    {
        var error = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        if (context.RequestAborted.IsCancellationRequested)
        {
            LogClientGone(logger, context.Request.Method, context.Request.Path);
            return Task.CompletedTask;
        }

        var problem = error switch
        {
            BadHttpRequestException bad => FromBadRequest(bad),
            StoreException store => FromStore(store),
            BodyRefusedException refusal => refusal.Problem,
            ProviderException provider => FromProvider(provider),
            _ => new Problem(500, "internal_error", "Something failed here. The trace id finds the details in the server's log."),
        };
        if (error is StoreException { Failure: StoreFailure.Busy or StoreFailure.TooLong } refused)
        {
            LogBusy(logger, context.Request.Method, context.Request.Path, refused.Message);
        }
        else if (error is StoreException failed)
        {
            // Every request of an outage gets here, and its stack says nothing that the first would not.
            var reason = failed.InnerException is { } cause ? $"{failed.Message} {cause.Message}" : failed.Message;
            LogNotStored(logger, context.TraceIdentifier, context.Request.Method, context.Request.Path, reason.ReplaceLineEndings(" "));
        }
        else if (problem.Status >= 500 && error is not BodyRefusedException)
        {
            LogFailed(logger, context.TraceIdentifier, context.Request.Method, context.Request.Path, error);
        }

        return problem.ExecuteAsync(context);
    }

    private static Problem FromBadRequest(BadHttpRequestException error)
    {
        if (error.InnerException is JsonException json)
        {
            // The message of the exception names internal types; the position is what a client can use.
            var place = $"{json.Path ?? "$"} (line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1})";
            return BadRequest($"The JSON body does not fit at {place}.");
        }

        return FromStatus(error.StatusCode) ?? BadRequest("The request is malformed.");
    }

    private static Problem? FromStatus(int status) => status switch
    {
        400 => BadRequest("The request is malformed."),
        401 => Unauthenticated(),
        403 => Forbidden(),
        404 => NotFound(),
        405 => new Problem(405, "method_not_allowed", "This method is not offered here."),
        408 => new Problem(408, "request_timeout", "The request took too long to arrive."),
        413 => new Problem(413, "too_large", "The request is larger than allowed here."),
        415 => new Problem(415, "unsupported_media_type", "Send application/json."),
        >= 500 => new Problem(status, "internal_error", "Something failed here."),
        >= 400 => new Problem(status, "bad_request", Title(status)),
        _ => null,
    };

    [LoggerMessage(LogLevel.Error, "Request {TraceId} {Method} {Path} failed")]
    private static partial void LogFailed(ILogger logger, string traceId, string method, string path, Exception? error);

    [LoggerMessage(LogLevel.Error, "Request {TraceId} {Method} {Path} failed: {Reason}")]
    private static partial void LogNotStored(ILogger logger, string traceId, string method, string path, string reason);

    [LoggerMessage(LogLevel.Warning, "{Method} {Path} was refused: {Reason}")]
    private static partial void LogBusy(ILogger logger, string method, string path, string reason);

    [LoggerMessage(LogLevel.Debug, "The client of {Method} {Path} disconnected")]
    private static partial void LogClientGone(ILogger logger, string method, string path);
}
