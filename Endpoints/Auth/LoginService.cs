using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using AiChat.Data.Accounts;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Auth;

/// <summary>The tokens of a signed-in device. Refresh is null when the token that the device has stays valid.</summary>
internal sealed record SignIn(string AccessToken, string? RefreshToken);

/// <summary>Opens, refreshes and ends logins: their tokens here, their rows in <see cref="Logins"/>.</summary>
internal sealed partial class LoginService(
    Logins logins, AccessTokens tokens, PasswordConfirmation confirmation, NodeStore nodes, SecretCipher cipher, TimeProvider clock,
    ILogger<LoginService> logger)
{
    /// <summary>The refresh tokens that were issued last, among what processes share.</summary>
    private const string Issued = "refresh token";

    private const int FamilyLength = 16;
    private const int SecretLength = 32;

    /// <summary>A lost response is repeated while the previous token is still accepted.</summary>
    private static readonly TimeSpan RepeatLife = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<long, (string Token, long At)> _lastIssued = new();

    /// <summary>Null when the account changed between the check of the password and now.</summary>
    /// <param name="passwordHash">The hash against which the password was checked.</param>
    public async Task<SignIn?> Open(HttpContext context, long userId, string? passwordHash, bool browser)
    {
        var family = Random(FamilyLength);
        var secret = Random(SecretLength);
        var login = new NewLogin(
            userId, browser ? "browser" : "api", Credentials.Hash(family), Credentials.Hash(secret), passwordHash,
            context.Client().Address, context.Request.Headers.UserAgent.ToString());
        if (await logins.Insert(login, clock.GetUtcNow()) is not { } opened)
        {
            return null;
        }

        if (!opened.Recorded)
        {
            LogUnrecorded(userId);
        }

        confirmation.Confirmed(opened.Id);
        var signIn = new SignIn(tokens.Issue(userId, opened.Epoch, opened.Id), opened.Recorded ? $"{family}.{secret}" : null);
        return Deliver(context, signIn, browser);
    }

    /// <summary>Null when the token is invalid; then the cookies of the browser are cleared.</summary>
    public async Task<SignIn?> Refresh(HttpContext context, string? refreshToken, bool browser)
    {
        if (Split(refreshToken) is not var (family, secret))
        {
            return Refused(context, browser);
        }

        var next = Random(SecretLength);
        var now = clock.GetUtcNow();
        var rotated = await logins.Rotate(
            Credentials.Hash(family), Credentials.Hash(secret), Credentials.Hash(next), context.Client().Address, now);
        if (rotated.Outcome is Rotation.Unknown or Rotation.Replayed)
        {
            return Refused(context, browser);
        }

        var token = $"{family}.{next}";
        if (rotated.Outcome == Rotation.Rotated)
        {
            await Remember(rotated.LoginId, token);
        }
        else
        {
            token = await LastIssued(rotated.LoginId);
        }

        return Deliver(context, new SignIn(tokens.Issue(rotated.UserId, rotated.Epoch, rotated.LoginId), token), browser);
    }

    /// <summary>Ends the logins of the access token and of the refresh cookie, whichever are present, and clears the browser.</summary>
    public async Task End(HttpContext context, CurrentUser? me)
    {
        var now = clock.GetUtcNow();
        if (me is { LoginId: > 0 })
        {
            await logins.End(me.Caller, me.LoginId, now);
        }

        if (Split(Cookies.Refresh(context.Request)) is var (family, _))
        {
            await logins.EndFamily(Credentials.Hash(family), context.Client().Address, now);
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

    /// <summary>For a repeated request, which may go to another process.</summary>
    private async Task Remember(long loginId, string token)
    {
        if (!nodes.IsAlone)
        {
            await nodes.Keep(
                Issued, KeyOf(loginId), cipher.Seal(SecretPurpose.ProviderSecrets, $"{Issued}|{KeyOf(loginId)}|v1", token), RepeatLife);
            return;
        }

        var now = clock.GetTimestamp();
        foreach (var old in _lastIssued.Where(made => clock.GetElapsedTime(made.Value.At, now) > RepeatLife))
        {
            _lastIssued.TryRemove(old);
        }

        _lastIssued[loginId] = (token, now);
    }

    private async Task<string?> LastIssued(long loginId) => nodes.IsAlone
        ? _lastIssued.TryGetValue(loginId, out var made) ? made.Token : null
        : await nodes.Kept(Issued, KeyOf(loginId)) is { } kept
            ? cipher.Open(SecretPurpose.ProviderSecrets, $"{Issued}|{KeyOf(loginId)}|v1", kept) : null;

    private static string KeyOf(long loginId) => loginId.ToString(CultureInfo.InvariantCulture);

    private static string Random(int length) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(length));

    private static (string Family, string Secret)? Split(string? token) =>
        token is { Length: < 100 } && token.Split('.') is [var family, var secret] ? (family, secret) : null;

    [LoggerMessage(LogLevel.Warning, "The disk is full: user {UserId} is signed in for a few minutes, and the login is not recorded.")]
    private partial void LogUnrecorded(long userId);
}
