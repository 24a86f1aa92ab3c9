using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Auth;

/// <summary>How many requests a stranger's address, a user and a key may make in a minute.</summary>
internal sealed class RequestLimits(SystemSettings settings, TimeProvider clock)
{
    /// <summary>A page that nobody signed in to needs four or five.</summary>
    private const int StrangersPerMinute = 60;

    private readonly TokenBuckets<string> _strangers = new(clock);
    private readonly TokenBuckets<(long UserId, long KeyId)> _users = new(clock);

    public Problem? Check(HttpContext context, CurrentUser? user)
    {
        var caller = context.Caller();
        if (user is null && !IsApi(context.Request.Path))
        {
            return null;
        }

        var perMinute = user is null ? StrangersPerMinute : settings.RequestsPerMinute;
        if (perMinute == 0)
        {
            return null;
        }

        var refill = TimeSpan.FromMinutes(1) / perMinute;
        var wait = user is null ? _strangers.Take(caller.Bucket, perMinute, refill) : _users.Take((user.Id, user.ApiKeyId ?? 0), perMinute, refill);
        return wait == TimeSpan.Zero
            ? null
            : Problems.TooMany("rate_limited", "Too many requests. Wait a moment.", (int)Math.Ceiling(wait.TotalSeconds));
    }

    /// <summary>Files of the page are cheap, and health is asked by machines that do not sign in.</summary>
    private static bool IsApi(PathString path) =>
        (path.StartsWithSegments("/api") && path != "/api/health" && path != "/api/settings/health") || path.StartsWithSegments("/v1");
}
