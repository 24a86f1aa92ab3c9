using System.Globalization;

namespace AiChat.Providers.Transport;

/// <summary>
/// The only place that decides which <see cref="ProviderFailure"/> an exception, a status or an error object is.
/// </summary>
internal static class ProviderErrors
{
    public const int MaxBody = 8 * 1024;

    /// <summary>The status of an error whose word is not known here.</summary>
    private const int Unknown = 500;

    private static readonly string[] QuotaWords =
    [
        "insufficient_quota", "exceeded your current quota", "billing", "credit", "insufficient balance", "spend limit",
        "exceeded_current_quota", "insufficient_user_quota", "overdue", "余额不足", "欠费",
    ];

    private static readonly string[] FilterWords =
    [
        "content_filter", "content_policy", "content management policy", "responsibleaipolicyviolation", "sensitivecontent",
        "datainspection", "data_inspection",
    ];

    private static readonly string[] KeyWords =
        ["invalid_api_key", "api_key_invalid", "api key not valid", "authentication_error", "permission_error"];

    private static readonly string[] ModelWords = ["model", "deployment"];

    /// <summary>Parts of the words by which vendors name an error, without case and signs, and the status they stand for.</summary>
    private static readonly (int Status, string[] Parts)[] Words =
    [
        (402, ["arrear", "overdue", "insufficientbalance", "insufficientuserquota", "billing", "paymentrequired"]),
        (401, ["authentication", "unauthenticated", "unauthorized", "invalidapikey", "apikeyinvalid", "accesskey"]),
        (403, ["permission", "forbidden", "accessdenied"]),
        (404, ["notfound", "notexist"]),
        (413, ["toolarge"]),
        (503, ["overloaded", "unavailable", "busy"]),
        (429, ["ratelimit", "toomanyrequests", "throttl", "resourceexhausted", "quota", "concurrency"]),
        (400,
        [
            "badrequest", "contextlength", "contextwindow", "contentfilter", "sensitive", "inspection", "unsupported", "validation",
            "unprocessable",
        ]),
    ];

    /// <summary>A reply whose status is not 2xx; <paramref name="body"/> is its beginning.</summary>
    public static ProviderException FromReply(ResponseHead reply, ReadOnlySpan<byte> body, ProviderEndpoint endpoint)
    {
        var status = reply.Status;
        if (status is >= 300 and < 400)
        {
            return new ProviderException(
                ProviderFailure.Redirected, $"The provider answered with a redirect ({status}), which is not followed.", null, status)
            {
                Reason = new CallReason("redirect", Number(status)),
            };
        }

        var error = ErrorText.Read(body);
        var detail = error.Message.Length > 0
            ? ProviderRedactor.Clean(error.Message, endpoint) : $"The provider answered with HTTP {status}.";
        var failure = FromStatus(status, error);
        return new ProviderException(failure, detail, reply.RetryAfter, status)
        {
            Context = Context(failure, error),
            IsQuoted = error.Message.Length > 0,
            Reason = error.Message.Length > 0 ? null : new CallReason("status", Number(status)),
            Vendor = Clean(error.Vendor, endpoint),
            ShouldRetry = reply.ShouldRetry,
        };
    }

    /// <summary>An error object inside a reply with a 2xx status.</summary>
    public static ProviderException FromError(ErrorText error, ProviderEndpoint endpoint)
    {
        var status = error.Status ?? (FromWord(error.Kind) is not Unknown and var known ? known : FromWord(error.Vendor?.Type ?? ""));
        var detail = error.Message.Length > 0 ? error.Message : "The provider reported an error without saying which.";
        var failure = FromStatus(status, error);
        return new ProviderException(failure, ProviderRedactor.Clean(detail, endpoint), null, error.Status)
        {
            Context = Context(failure, error),
            IsQuoted = error.Message.Length > 0,
            Vendor = Clean(error.Vendor, endpoint),
            IsRefusal = error.Status is not null || status != Unknown,
        };
    }

    /// <summary>An exception thrown before the reply's headers arrived.</summary>
    public static Exception FromException(Exception exception, CallClock clock)
    {
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is ProviderException known)
            {
                return known;
            }
        }

        // A cancelled call can fail in many ways, depending on where it was.
        return clock.Token.IsCancellationRequested || exception is OperationCanceledException
            ? clock.Translate(exception)
            : new ProviderException(
                ProviderFailure.ConnectionLost, "The connection to the provider broke before it answered.", inner: exception);
    }

    private static ContextRefusal? Context(ProviderFailure failure, ErrorText error) => failure == ProviderFailure.ContextTooLong
        ? ContextRefusal.Read(error.Message, error.ContextLimit, error.PromptTokens) : null;

    private static VendorError? Clean(VendorError? vendor, ProviderEndpoint endpoint)
    {
        string? Safe(string? word) => word is null ? null : ProviderRedactor.Clean(word, endpoint);

        return vendor is null ? null : new VendorError(Safe(vendor.Type), Safe(vendor.Code), Safe(vendor.Param));
    }

    private static string Number(int status) => status.ToString(CultureInfo.InvariantCulture);

    private static ProviderFailure FromStatus(int status, ErrorText error) => status switch
    {
        401 or 403 => error.Has(FilterWords) ? ProviderFailure.ContentFilter : ProviderFailure.Unauthorized,
        402 => ProviderFailure.QuotaExhausted,
        404 => error.Has(ModelWords) ? ProviderFailure.ModelNotFound : ProviderFailure.BadRequest,
        429 => error.Has(QuotaWords) ? ProviderFailure.QuotaExhausted : ProviderFailure.RateLimited,
        408 or >= 500 => error.Has(ContextRefusal.Words) ? ProviderFailure.ContextTooLong : ProviderFailure.ServerError,
        >= 200 and < 300 => ProviderFailure.Protocol,
        _ => error.Has(ContextRefusal.Words) ? ProviderFailure.ContextTooLong
            : error.Has(FilterWords) ? ProviderFailure.ContentFilter
            : error.Has(KeyWords) ? ProviderFailure.Unauthorized
            : error.Kind is "model_not_found" ? ProviderFailure.ModelNotFound
            : status == 413 ? ProviderFailure.ContextTooLong : ProviderFailure.BadRequest,
    };

    // Streams carry words where a reply would carry a status: of OpenAI, Anthropic and Google (invalid_request_error, UNAVAILABLE), of
    // Aliyun (Throttling.RateQuota), Volcengine (AccountOverdueError), Moonshot (exceeded_current_quota_error) and of gateways.
    private static int FromWord(string kind)
    {
        var letters = string.Concat(kind.Where(char.IsAsciiLetter)).ToLowerInvariant();
        foreach (var (status, parts) in Words)
        {
            foreach (var part in parts)
            {
                if (letters.Contains(part, StringComparison.Ordinal))
                {
                    return status;
                }
            }
        }

        return letters.StartsWith("invalid", StringComparison.Ordinal) ? 400 : Unknown;
    }
}
