using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Checks a name and a password. Nothing else is disclosed: unknown, pending and disabled accounts take the same time and give the same
/// answer until the password is right.
/// </summary>
internal sealed class PasswordCheck(Users users, PasswordHasher hasher, LoginThrottle throttle, AuditLog audit, TimeProvider clock)
{
    /// <summary>A longer password is not hashed. Above the limit for new ones, because earlier versions had none.</summary>
    private const int MaxPassword = 1_024;

    private const int MaxUsername = 64;

    /// <summary>The audit records the first of consecutive failures and every tenth after it.</summary>
    private const int RecordedFailures = 10;

    /// <summary>The active account, or the problem.</summary>
    public async Task<(UserCredentialRow? User, Problem? Problem)> Check(
        HttpContext context, string username, string password, bool browser)
    {
        if (username.Length is 0 or > MaxUsername || password.Length is 0 or > MaxPassword)
        {
            return (null, Problems.Invalid(password.Length is 0 or > MaxPassword ? "password" : "username", "is too long or missing"));
        }

        var attempt = await throttle.Begin(context, Users.KeyOf(username));
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
            await throttle.Forgive(attempt);
            return (null, Problems.Overloaded());
        }

        if (!right)
        {
            await RecordFailure(context, attempt, username);
            return (null, new Problem(401, "invalid_credentials", "User name or password is wrong."));
        }

        await throttle.Succeeded(context, attempt, browser && user!.Status == "ACTIVE");
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

    /// <summary>Replaces a hash of lower cost than today's, unless the disk is full.</summary>
    private async Task<UserCredentialRow> Strengthen(HttpContext context, UserCredentialRow user, string password)
    {
        try
        {
            return user.PasswordHash is { } weak && PasswordHasher.IsOutdated(weak)
                && await hasher.Rehash(context, password, weak) is { } strong
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
        if (await throttle.Failed(attempt) % RecordedFailures != 1)
        {
            return;
        }

        // People type their password into the wrong field, so only a valid name is recorded.
        var target = UserNames.Broken(username) is null ? $"username:{username}" : null;
        try
        {
            await audit.Write(new AuditEntry(null, "login.failed", target, context.Client().Address), clock.GetUtcNow());
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // The answer stays the same. The store logs the full disk.
        }
    }
}
