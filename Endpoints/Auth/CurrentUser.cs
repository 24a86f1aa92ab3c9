using AiChat.Data.Accounts;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Who makes this request, as the one resolver found it. A handler takes it as a parameter; where the endpoint is public it is
/// <c>CurrentUser?</c>, null for strangers. LoginId is the login behind a cookie or access token, 0 for keys and guests;
/// ApiKeyId is the key the request came with, if it did. Epoch is the user's at the time of the check.
/// </summary>
internal sealed record CurrentUser(long Id, string Role, string? Username, long Epoch, long LoginId, long? ApiKeyId)
{
    /// <summary>The JSON list of models that the key is for; null is all.</summary>
    public string? KeyModels { get; init; }

    public bool IsAdmin => Role == "ADMIN";

    public bool IsGuest => Role == "GUEST";

    /// <summary>Somebody who may become a guest and has written nothing yet: owns nothing, and has no row.</summary>
    public bool IsVisitor => Id == 0;

    public static CurrentUser Visitor { get; } = new(0, "GUEST", null, 0, 0, null);

    public static ValueTask<CurrentUser?> BindAsync(HttpContext context) => new(context.Features.Get<CurrentUser>());
}

internal static class WatchExtensions
{
    /// <summary>For responses that outlive a moment: cancelled when what this user came with is no longer good.</summary>
    public static ValueTask<CancellationToken> Watch(this AuthCache authCache, CurrentUser me) =>
        authCache.Watch(me.Id, me.Epoch, me.LoginId, me.ApiKeyId ?? 0);
}
