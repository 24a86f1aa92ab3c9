using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Auth;

/// <summary>Limits the requests a minute of an anonymous address, of a user and of a key.</summary>
internal sealed class RequestLimits(SystemSettings settings, TimeProvider clock)
{
    /// <summary>The page needs four or five before anybody signs in.</summary>
    private const int AnonymousPerMinute = 60;

    private readonly TokenBuckets<string> _anonymous = new(clock);
    private readonly TokenBuckets<(long UserId, long KeyId)> _users = new(clock);

    public Problem? Check(HttpContext context, CurrentUser? user)
    {
        if (user is { IsOperator: true } || (user is null && !IsApi(context.Request.Path)))
        {
            return null;
        }

        var perMinute = user is null ? AnonymousPerMinute : settings.RequestsPerMinute;
        if (perMinute == 0)
        {
            return null;
        }

        var refill = TimeSpan.FromMinutes(1) / perMinute;
        var wait = user is null
            ? _anonymous.Take(context.Client().Bucket, perMinute, refill)
            : _users.Take((user.Id, user.ApiKeyId ?? 0), perMinute, refill);
        return wait == TimeSpan.Zero
            ? null
            : Problems.TooMany("rate_limited", "Too many requests. Wait a moment.", (int)Math.Ceiling(wait.TotalSeconds));
    }

    /// <summary>False for files of the page, which are cheap, and for health, which monitors ask anonymously.</summary>
    private static bool IsApi(PathString path) =>
        (path.StartsWithSegments("/api") && path != "/api/health" && path != "/api/settings/health") || path.StartsWithSegments("/v1");
}
