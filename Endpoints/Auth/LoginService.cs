using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>What a device holds while it is signed in. Refresh is null when the token it has stays good.</summary>
internal sealed record SignIn(string AccessToken, string? RefreshToken);

/// <summary>Opens, renews and ends logins: the tokens here, their rows in <see cref="Logins"/>.</summary>
internal sealed partial class LoginService(Logins logins, AccessTokens tokens, TimeProvider clock, ILogger<LoginService> logger)
{
    private const int FamilyLength = 16;
    private const int SecretLength = 32;

    /// <summary>An answer that got lost is given again for as long as the token before it is honoured.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<long, (string Token, long At)> _justMade = new();

    /// <summary>Null when the account changed between the check of the password and now.</summary>
    /// <param name="passwordHash">What the password was checked against.</param>
    public async Task<SignIn?> Open(HttpContext context, long userId, string? passwordHash, bool browser)
    {
        var family = Random(FamilyLength);
        var secret = Random(SecretLength);
        var login = new NewLogin(
            userId, browser ? "browser" : "api", Credentials.Hash(family), Credentials.Hash(secret), passwordHash,
            context.Caller().Address.ToString(), context.Request.Headers.UserAgent.ToString());
        if (await logins.Insert(login, clock.GetUtcNow()) is not { } opened)
        {
            return null;
        }

        if (!opened.Recorded)
        {
            LogUnrecorded(userId);
        }

        return Deliver(context, new SignIn(tokens.Issue(userId, opened.Epoch, opened.Id), opened.Recorded ? $"{family}.{secret}" : null), browser);
    }

    /// <summary>Null when the token is not good; then the browser's cookies are gone.</summary>
    public async Task<SignIn?> Refresh(HttpContext context, string? refreshToken, bool browser)
    {
        if (Split(refreshToken) is not var (family, secret))
        {
            return Refused(context, browser);
        }

        var next = Random(SecretLength);
        var now = clock.GetUtcNow();
        var rotated = await logins.Rotate(
            Credentials.Hash(family), Credentials.Hash(secret), Credentials.Hash(next), context.Caller().Address.ToString(), now);
        if (rotated.Outcome is Rotation.Unknown or Rotation.Replayed)
        {
            return Refused(context, browser);
        }

        var token = $"{family}.{next}";
        if (rotated.Outcome == Rotation.Rotated)
        {
            Remember(rotated.LoginId, token);
        }
        else
        {
            token = _justMade.TryGetValue(rotated.LoginId, out var made) ? made.Token : null;
        }

        return Deliver(context, new SignIn(tokens.Issue(rotated.UserId, rotated.Epoch, rotated.LoginId), token), browser);
    }

    /// <summary>A new access token for a login whose user's epoch moved on.</summary>
    public void Renew(HttpContext context, CurrentUser me, long epoch) =>
        Cookies.SetAccess(context, tokens.Issue(me.Id, epoch, me.LoginId), Logins.Idle);

    /// <summary>Ends the login of these credentials, whichever of them is there, and clears the browser.</summary>
    public async Task End(HttpContext context, CurrentUser? me)
    {
        var ip = context.Caller().Address.ToString();
        var now = clock.GetUtcNow();
        if (me is { LoginId: > 0 })
        {
            await logins.End(me.Id, me.LoginId, ip, now);
        }

        if (Split(Cookies.Refresh(context.Request)) is var (family, _))
        {
            await logins.EndFamily(Credentials.Hash(family), ip, now);
        }

        Clear(context);
    }

    public static void Clear(HttpContext context)
    {
        Cookies.Clear(context);
        context.Response.Headers["Clear-Site-Data"] = "\"storage\"";
    }

    private static SignIn Deliver(HttpContext context, SignIn signIn, bool browser)
    {
        if (browser)
        {
            Cookies.SetAccess(context, signIn.AccessToken, Logins.Idle);
            if (signIn.RefreshToken is { } refresh)
            {
                Cookies.SetRefresh(context, refresh, Logins.Idle);
            }
        }

        return signIn;
    }

    private static SignIn? Refused(HttpContext context, bool browser)
    {
        if (browser)
        {
            Cookies.Clear(context);
        }

        return null;
    }

    private void Remember(long loginId, string token)
    {
        var now = clock.GetTimestamp();
        foreach (var old in _justMade.Where(made => clock.GetElapsedTime(made.Value.At, now) > Remembered))
        {
            _justMade.TryRemove(old);
        }

        _justMade[loginId] = (token, now);
    }

    private static string Random(int length) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(length));

    private static (string Family, string Secret)? Split(string? token) =>
        token is { Length: < 100 } && token.Split('.') is [var family, var secret] ? (family, secret) : null;

    [LoggerMessage(LogLevel.Warning, "The disk is full: user {UserId} is signed in for a few minutes, and the login is not recorded.")]
    private partial void LogUnrecorded(long userId);
}
