using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Finds out whether name and password belong together. A stranger learns nothing else: unknown, waiting and disabled accounts cost the
/// same time and give the same answer until the password is right.
/// </summary>
internal sealed class PasswordCheck(Users users, PasswordHasher hasher, LoginThrottle throttle, AuditLog audit, TimeProvider clock)
{
    /// <summary>Nothing longer is hashed; old installations had no limit on passwords, so this is above today's.</summary>
    private const int MaxPassword = 1_024;

    private const int MaxUsername = 64;

    /// <summary>Of a row of failures the first and every tenth are recorded.</summary>
    private const int RecordedFailures = 10;

    /// <summary>The active account, or why not.</summary>
    public async Task<(UserCredentialRow? User, Problem? Problem)> Check(HttpContext context, string username, string password, bool browser)
    {
        if (username.Length is 0 or > MaxUsername || password.Length is 0 or > MaxPassword)
        {
            return (null, Problems.Invalid(password.Length is 0 or > MaxPassword ? "password" : "username", "is too long or missing"));
        }

        var attempt = throttle.Begin(context, Users.KeyOf(username));
        if (attempt.Wait > TimeSpan.Zero)
        {
            return (null, TooMany(attempt.Wait));
        }

        if (attempt.Delay > TimeSpan.Zero)
        {
            await Task.Delay(attempt.Delay, clock, context.RequestAborted);
        }

        var user = await users.FindCredential(username);
        if (await IsRight(context, user, password) is not { } right)
        {
            throttle.Forgive(attempt);
            return (null, Problems.Overloaded());
        }

        if (!right)
        {
            await RecordFailure(context, attempt, username);
            return (null, new Problem(401, "invalid_credentials", "User name or password is wrong."));
        }

        throttle.Succeeded(context, attempt, browser && user!.Status == "ACTIVE");
        return user!.Status switch
        {
            "ACTIVE" => (await Strengthen(context, user, password), null),
            "PENDING" => (null, Problems.Forbidden("This account waits for an administrator's approval.", "account_pending")),
            _ => (null, Problems.Forbidden(user.StatusReason ?? "This account is disabled.", "account_disabled")),
        };
    }

    public static Problem TooMany(TimeSpan wait) =>
        Problems.TooMany("rate_limited", "Too many attempts. Wait a moment.", (int)Math.Ceiling(wait.TotalSeconds));

    private async Task<bool?> IsRight(HttpContext context, UserCredentialRow? user, string password)
    {
        var right = await hasher.Verify(context, password, user?.PasswordHash);
        return right is not false ? right : await IsOneTimeCode(user, password);
    }

    /// <summary>Stores the password under today's cost when the hash is of cheaper days and the disk takes it.</summary>
    private async Task<UserCredentialRow> Strengthen(HttpContext context, UserCredentialRow user, string password)
    {
        try
        {
            return user.PasswordHash is { } weak && PasswordHasher.IsOutdated(weak) && await hasher.Hash(context, password) is { } strong
                && await users.Rehash(user.Id, weak, strong)
                ? user with { PasswordHash = strong }
                : user;
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            return user;
        }
    }

    private async Task<bool> IsOneTimeCode(UserCredentialRow? user, string code)
    {
        var given = Credentials.Hash(code.Trim());
        return user is { PasswordHash: null, OneTimeCodeHash: { } stored }
            && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(given), Encoding.ASCII.GetBytes(stored))
            && await users.UseOneTimeCode(user.Id, given, clock.GetUtcNow());
    }

    private async Task RecordFailure(HttpContext context, LoginAttempt attempt, string username)
    {
        if (throttle.Failed(attempt) % RecordedFailures != 1)
        {
            return;
        }

        // People type their password into the wrong field: only what can be a name is written down.
        var target = UserNames.Broken(username) is null ? $"username:{username}" : null;
        try
        {
            await audit.Write(new AuditEntry(null, "login.failed", target, context.Caller().Address.ToString()), clock.GetUtcNow());
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // The answer is the same; the log tells of the disk.
        }
    }
}
