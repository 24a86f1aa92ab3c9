namespace AiChat.Endpoints.Auth;

/// <summary>Who may call an endpoint. An endpoint that does not declare it refuses everybody.</summary>
internal enum Access
{
    /// <summary>Anybody. An invalid credential is ignored.</summary>
    Public,

    /// <summary>An active user, or a guest while guests are allowed.</summary>
    Any,

    /// <summary>An active user.</summary>
    User,

    /// <summary>An active administrator, and the command line.</summary>
    Admin,

    /// <summary>Only the command line; for everybody else there is nothing here.</summary>
    Operator,
}

internal static class AccessExtensions
{
    /// <summary>Declares who may call these endpoints; the innermost group or route wins.</summary>
    public static T Allow<T>(this T builder, Access access)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new AllowedFor(access));

    /// <summary>The endpoint also admits METRICS_TOKEN as a bearer token.</summary>
    public static T OrMetricsToken<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new OpenToMetricsToken());

    /// <summary>The endpoint also admits the command line, which owns no chats and so may call only what administrators may.</summary>
    public static T OrOperator<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new OpenToOperator());

    /// <summary>The endpoint reads a body that is not JSON, so the rule that a request with a cookie must be JSON does not apply.</summary>
    public static T AcceptUploads<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new UploadMetadata());

    /// <summary>A visitor may write here and becomes a guest by it; everywhere else visitors only read.</summary>
    public static T MakesGuests<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new VisitorsMetadata(), new SetsCookiesMetadata());

    /// <summary>The endpoint sets sign-in cookies, so it must be called from our own page even when the request has no cookie.</summary>
    public static T SetsCookies<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new SetsCookiesMetadata());
}

internal sealed record VisitorsMetadata;

internal sealed record AllowedFor(Access Access);

internal sealed record OpenToMetricsToken;

internal sealed record OpenToOperator;

internal sealed record UploadMetadata;

internal sealed record SetsCookiesMetadata;
