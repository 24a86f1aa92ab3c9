using System.Diagnostics;

namespace AiChat.Providers.Transport;

/// <summary>
/// A call to a provider failed. <see cref="Detail"/> is safe to show and to store: control characters and secrets are
/// removed, and it is at most <see cref="MaxDetail"/> characters.
/// </summary>
internal sealed class ProviderException(
    ProviderFailure failure, string detail, TimeSpan? retryAfter = null, int? upstreamStatus = null, Exception? inner = null)
    : Exception($"{failure.Code()}: {detail}", inner)
{
    public const int MaxDetail = 1_000;

    public ProviderFailure Failure => failure;
    public string Detail => detail;

    /// <summary>How long the provider asked us to wait; it can be unreasonable, so the caller bounds it.</summary>
    public TimeSpan? RetryAfter => retryAfter;

    public int? UpstreamStatus => upstreamStatus;

    /// <summary>What the provider's error object says beside its message; null when it says nothing, or there is none.</summary>
    public VendorError? Vendor { get; init; }

    /// <summary>Whether the provider asks clients to repeat the call (<c>x-should-retry</c>); null when it leaves that to them.</summary>
    public bool? ShouldRetry { get; init; }

    /// <summary>The same call may succeed later or elsewhere; safe to repeat only when no delta was seen.</summary>
    public bool IsTransient => failure.IsTransient();

    /// <summary>
    /// The provider had begun to reply, or may have. The work may be done and paid for, so the request is not repeated automatically, at
    /// any provider.
    /// </summary>
    public bool HasAnswered { get; set; }

    /// <summary>Another key, another model or another time was tried before, and failed as well.</summary>
    public bool TriedAgain { get; set; }

    /// <summary>
    /// The provider reported an error that it named, as a status or inside a reply with status 200: without anything before it, it is an
    /// answer to the request as a status would be, and no work was done.
    /// </summary>
    public bool IsRefusal { get; init; }

    /// <summary>Where on the way to the provider it failed; null when the provider was reached.</summary>
    public CallHop? Hop { get; init; }

    /// <summary>What exactly was wrong there, where the failure alone does not say it.</summary>
    public CallTrouble? Trouble { get; init; }

    /// <summary>The detail as a code, for a page in another language; null when it says no more than the failure, or is quoted.</summary>
    public CallReason? Reason { get; init; }

    /// <summary>What the provider said about lengths; null unless the prompt was too long.</summary>
    public ContextRefusal? Context { get; init; }

    /// <summary>The detail is the peer's own words.</summary>
    public bool IsQuoted { get; init; }

    /// <summary>The certificate that was refused; null when none was.</summary>
    public CertificateFacts? Certificate { get; init; }

    /// <summary>Another key of the same connection may succeed.</summary>
    public bool IsAboutKey => failure is ProviderFailure.Unauthorized or ProviderFailure.RateLimited or ProviderFailure.QuotaExhausted;
}

/// <summary>The members of a vendor's error object by which its clients branch, free of secrets.</summary>
internal sealed record VendorError(string? Type, string? Code, string? Param);

/// <summary>Why a call failed. The codes of <see cref="ProviderFailures.Code"/> are public and stable.</summary>
internal enum ProviderFailure
{
    Unreachable,
    Dns,
    Tls,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    TotalTimeout,
    WriteTimeout,
    Unauthorized,
    RateLimited,
    QuotaExhausted,
    ModelNotFound,
    BadRequest,
    ContextTooLong,
    ContentFilter,
    ServerError,

    /// <summary>The reply is not what the protocol says: HTML, broken JSON, an endless line.</summary>
    Protocol,

    /// <summary>A limit of this server was exceeded: answer, reasoning, model list.</summary>
    TooLarge,

    /// <summary>It answered with a redirect; those are never followed.</summary>
    Redirected,

    /// <summary>The address is outside what this connection may reach.</summary>
    Blocked,

    /// <summary>The reply ended or broke before the model said it was done.</summary>
    ConnectionLost,

    /// <summary>The proxy on the way refused: its sign-in, its rules, or an address that is not a proxy's.</summary>
    Proxy,
}

/// <summary>A step on the way to a provider, in the order in which they are taken.</summary>
internal enum CallHop
{
    Dns,
    Proxy,
    Connect,
    Tls,
}

/// <summary>A sentence of our own about a call, which the page words.</summary>
internal sealed record CallReason
{
    /// <param name="code">One of <see cref="Codes"/>.</param>
    /// <param name="value">What the sentence names, such as a status or a day.</param>
    public CallReason(string code, string? value = null)
    {
        Debug.Assert(Codes.Contains(code), $"{code} is not listed.");
        Code = code;
        Value = value;
    }

    /// <summary>All of them; public and stable.</summary>
    public static IReadOnlyList<string> Codes { get; } =
    [
        "name_unknown", "proxy_name_unknown", "address_forbidden", "proxy_address_forbidden", "unreached", "proxy_unreached",
        "connect_slow", "proxy_slow", "proxy_silent", "proxy_closed", "proxy_answer", "proxy_is_http", "proxy_is_socks",
        "proxy_unsupported", "proxy_setting", "proxy_sign_in_asked", "proxy_sign_in_refused", "proxy_sign_in_none",
        "proxy_sign_in_foreign", "proxy_forbids", "proxy_no_way", "handshake", "proxy_handshake", "authority_unreadable",
        "certificate_self_signed", "certificate_unknown_issuer", "certificate_name_mismatch", "certificate_expired",
        "certificate_not_yet_valid", "certificate_chain_expired", "certificate_short_key", "certificate_bad_signature",
        "certificate_other", "redirect", "status", "web_page", "not_json", "no_list", "not_there", "search_needs_address",
        "search_needs_key",
    ];

    public string Code { get; }

    public string? Value { get; }
}

internal enum CallTrouble
{
    /// <summary>The proxy wants another user name or password.</summary>
    ProxySignIn,

    /// <summary>The proxy has only ways to sign in that are not supported here.</summary>
    ProxyForeignSignIn,

    /// <summary>The proxy's rules forbid the target.</summary>
    ProxyRules,

    /// <summary>What answers is not a proxy of this kind.</summary>
    ProxyKind,

    /// <summary>The proxy itself cannot reach the target.</summary>
    ProxyWayOut,
}

internal static class ProviderFailures
{
    /// <summary>The public code, such as <c>provider_rate_limited</c>.</summary>
    public static string Code(this ProviderFailure failure) => failure switch
    {
        ProviderFailure.Unreachable => "provider_unreachable",
        ProviderFailure.Dns => "provider_dns",
        ProviderFailure.Tls => "provider_tls",
        ProviderFailure.ConnectTimeout => "provider_connect_timeout",
        ProviderFailure.FirstByteTimeout => "provider_first_byte_timeout",
        ProviderFailure.IdleTimeout => "provider_idle_timeout",
        ProviderFailure.TotalTimeout => "provider_total_timeout",
        ProviderFailure.WriteTimeout => "provider_write_timeout",
        ProviderFailure.Unauthorized => "provider_unauthorized",
        ProviderFailure.RateLimited => "provider_rate_limited",
        ProviderFailure.QuotaExhausted => "provider_quota_exhausted",
        ProviderFailure.ModelNotFound => "provider_model_not_found",
        ProviderFailure.BadRequest => "provider_bad_request",
        ProviderFailure.ContextTooLong => "provider_context_too_long",
        ProviderFailure.ContentFilter => "provider_content_filter",
        ProviderFailure.ServerError => "provider_server_error",
        ProviderFailure.Protocol => "provider_protocol",
        ProviderFailure.TooLarge => "provider_too_large",
        ProviderFailure.Redirected => "provider_redirected",
        ProviderFailure.Blocked => "provider_blocked",
        ProviderFailure.ConnectionLost => "provider_connection_lost",
        ProviderFailure.Proxy => "provider_proxy",
    };

    public static bool IsTransient(this ProviderFailure failure) => failure switch
    {
        ProviderFailure.Unreachable or ProviderFailure.Dns or ProviderFailure.ConnectTimeout or ProviderFailure.RateLimited
            or ProviderFailure.ServerError or ProviderFailure.ConnectionLost => true,
        ProviderFailure.Tls or ProviderFailure.FirstByteTimeout or ProviderFailure.IdleTimeout or ProviderFailure.TotalTimeout
            or ProviderFailure.WriteTimeout or ProviderFailure.Unauthorized or ProviderFailure.QuotaExhausted
            or ProviderFailure.ModelNotFound or ProviderFailure.BadRequest or ProviderFailure.ContextTooLong
            or ProviderFailure.ContentFilter or ProviderFailure.Protocol or ProviderFailure.TooLarge or ProviderFailure.Redirected
            or ProviderFailure.Blocked or ProviderFailure.Proxy => false,
    };
}
