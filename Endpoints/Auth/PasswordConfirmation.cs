using System.Collections.Concurrent;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Who has given the password lately. What a left-alone browser or a stolen cookie must not do asks for it once more. Kept in memory by
/// login and counted by the monotonic clock: a clock that is set forward or back changes nothing, and a restart asks again.
/// </summary>
internal sealed class PasswordConfirmation(PasswordHasher hasher, LoginThrottle throttle, TimeProvider clock)
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(5);

    private const int MaxLogins = 10_000;

    private readonly ConcurrentDictionary<long, long> _logins = new();

    /// <summary>The person of this login has just given the password, also by logging in.</summary>
    public void Confirmed(long loginId)
    {
        var now = clock.GetTimestamp();
        if (_logins.Count >= MaxLogins)
        {
            foreach (var old in _logins.Where(login => clock.GetElapsedTime(login.Value, now) > Life))
            {
                _logins.TryRemove(old);
            }
        }

        _logins[loginId] = now;
    }

    /// <summary>The refusal when the password was not given within the last minutes; null when it was, and for the command line.</summary>
    public Problem? Require(CurrentUser me) =>
        me.IsOperator || (_logins.TryGetValue(me.LoginId, out var at) && clock.GetElapsedTime(at) <= Life)
            ? null
            : Problems.Forbidden("Give your password once more.", "confirmation_required");

    /// <summary>Checks a password that is given once more; throttled like a login.</summary>
    /// <param name="hash">Null for an account that was opened with a one-time code and has none yet.</param>
    /// <returns>The refusal, or null when it is right.</returns>
    public async Task<Problem?> Refuse(HttpContext context, CurrentUser me, string given, string? hash)
    {
        if (given.Length == 0 || hash is null)
        {
            return Wrong();
        }

        var attempt = await throttle.Begin(context, Users.KeyOf(me.Username!));
        if (attempt.Wait > TimeSpan.Zero)
        {
            return PasswordCheck.TooMany(attempt.Wait);
        }

        switch (await hasher.Verify(context, given, hash))
        {
            case true:
                await throttle.Succeeded(context, attempt, remember: false);
                return null;
            case false:
                await throttle.Failed(attempt);
                return Wrong();
            default:
                await throttle.Forgive(attempt);
                return Problems.Overloaded();
        }
    }

    private static Problem Wrong() => new(422, "wrong_password", "The current password is wrong.");
}
