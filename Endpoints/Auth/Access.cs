namespace AiChat.Endpoints.Auth;

/// <summary>Who may call an endpoint. Every endpoint says so; one that does not is refused to everybody.</summary>
internal enum Access
{
    /// <summary>Everybody. A credential that is sent and not valid is ignored.</summary>
    Public,

    /// <summary>An active user, or a guest while guests are allowed.</summary>
    Any,

    /// <summary>An active user.</summary>
    User,

    /// <summary>An active administrator.</summary>
    Admin,
}

internal static class AccessExtensions
{
    /// <summary>Says who may call these endpoints; the innermost group or route wins.</summary>
    public static T Allow<T>(this T builder, Access access)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new AllowedFor(access));

    /// <summary>The endpoint is also open to whoever sends METRICS_TOKEN as bearer.</summary>
    public static T OrMetricsToken<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new OpenToMetricsToken());

    /// <summary>The endpoint reads a body that is not JSON, so the rule "cookie means JSON" does not hold for it.</summary>
    public static T AcceptUploads<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new UploadMetadata());

    /// <summary>Visitors may write here and become guests by it; everywhere else they only read.</summary>
    public static T MakesGuests<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new VisitorsMetadata(), new SetsCookiesMetadata());

    /// <summary>The endpoint sets sign-in cookies: it must be called from our own page even when no cookie comes with the request.</summary>
    public static T SetsCookies<T>(this T builder)
        where T : IEndpointConventionBuilder => builder.WithMetadata(new SetsCookiesMetadata());
}

internal sealed record VisitorsMetadata;

internal sealed record AllowedFor(Access Access);

internal sealed record OpenToMetricsToken;

internal sealed record UploadMetadata;

internal sealed record SetsCookiesMetadata;
